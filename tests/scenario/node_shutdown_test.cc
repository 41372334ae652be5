// A host is taken down. What its receipts say is held against the servers' own tools, against what was acknowledged
// before, and against what comes back from the stores when the host's disk is gone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <thread>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/acknowledged_writes.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

// 200 in the soak; a few are enough to see that it is not broken.
int rounds() {
  const char* wanted = std::getenv("HOLDFAST_SHUTDOWN_ROUNDS");
  return wanted == nullptr ? 2 : std::atoi(wanted);
}

std::string controldata(const PostgresCluster& cluster, const std::string& line) {
  const auto output = cluster.run_program("pg_controldata", {"-D", cluster.data_directory()}).value();
  const auto at = output.find(line + ":");
  const auto value = output.find_first_not_of(' ', at + line.size() + 1);
  return output.substr(value, output.find('\n', value) - value);
}

std::set<std::int64_t> rows_of(const PostgresCluster& cluster) {
  std::set<std::int64_t> ids;
  std::istringstream lines(cluster.sql("SELECT id FROM journal").value_or(""));
  for (std::int64_t id = 0; lines >> id;) ids.insert(id);
  return ids;
}

// A small file system of its own, until it goes.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    files::create_directories(path_);
    mounted_ = ::mount("holdfast-test", path_.c_str(), "tmpfs", 0, "size=160m,mode=0700") == 0;
  }
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;
  ~SmallDisk() {
    if (mounted_) ::umount2(path_.c_str(), MNT_DETACH);
  }
  bool is_there() const { return mounted_; }
  // To the last byte.
  void fill() const {
    ASSERT_TRUE(Fleet::eventually([this] {
      std::ofstream filler(path_ + "/filler", std::ios::binary | std::ios::app);
      const std::string page(4096, 'x');
      while (filler.write(page.data(), 4096).flush()) continue;
      return files::space(path_).available == 0;
    }));
  }
  void make_room() const { files::remove(path_ + "/filler"); }

 private:
  const std::string path_;
  bool mounted_ = false;
};

class NodeShutdown : public testing::Test {
 protected:
  void protect(PostgresCluster& cluster) {
    ASSERT_THAT(cluster.sql("CREATE TABLE journal (id bigint PRIMARY KEY)"), Succeeded());
    fleet_.add_host("db-host", {cluster.root()});
    database_ = fleet_.protected_database();
    ASSERT_FALSE(database_.empty()) << fleet_->logs();
    ASSERT_TRUE(fleet_.covered(database_, clock_.now()));
  }
  std::unique_ptr<AcknowledgedWrites> write_to(const PostgresCluster& cluster) {
    return std::make_unique<AcknowledgedWrites>([&cluster](std::int64_t id) {
      return cluster.sql("INSERT INTO journal VALUES (" + std::to_string(id) + ")").has_value();
    });
  }
  CliResult shut_down(const std::vector<std::string>& more = {}) {
    std::vector<std::string> arguments{"node", "shutdown", "db-host", "--yes", "-o", "json"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return fleet_->cli(arguments);
  }
  static nlohmann::json job_of(const CliResult& result) {
    const auto items = result.json().value("items", nlohmann::json::array());
    return items.empty() ? nlohmann::json::object() : items.front();
  }
  static nlohmann::json receipt_of(const nlohmann::json& job, const std::string& database) {
    for (const auto& receipt : job.value("receipts", nlohmann::json::array())) {
      if (receipt["database"] == database) return receipt;
    }
    return nlohmann::json::object();
  }
  // By break glass, out of the store alone.
  PostgresCluster restored_elsewhere(const PostgresCluster& lost) {
    const std::string place = lost.root() + "/again";
    files::remove_all(place);
    auto restore = ChildProcess::start(
        {Fleet::binary("holdfast-agent"), "restore", "--repository", fleet_->store(), "--recovery-key",
         fleet_->recovery_key(), "--database", database_, "--latest", "--no-start", "--target-directory", place},
        fleet_->path("restore.log"));
    EXPECT_EQ(restore.wait(), 0) << read_file(fleet_->path("restore.log"));
    auto server = PostgresCluster::adopt(place).value();
    EXPECT_THAT(server.start(), Succeeded());
    EXPECT_THAT(server.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    return server;
  }

  SystemClock clock_;
  SmallFleet fleet_;
  std::string database_;
};

TEST_F(NodeShutdown, OfALoadedServerLosesNothingThatWasAcknowledgedAndItsReceiptIsTrue) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  std::mt19937 random(std::random_device{}());
  std::int64_t first = 0;
  for (int round = 0; round < rounds(); ++round) {
    SCOPED_TRACE(round);
    AcknowledgedWrites writes([&](std::int64_t id) {
      return orders.sql("INSERT INTO journal VALUES (" + std::to_string(first + id) + ")").has_value();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(200 + random() % 1500));
    const auto result = shut_down();
    writes.stop();
    ASSERT_EQ(result.exit_code, 0) << result.err << fleet_->logs();
    const auto receipt = receipt_of(job_of(result), database_);
    EXPECT_TRUE(receipt.value("nothingMissing", false)) << receipt;
    EXPECT_THAT(receipt.value("verdict", ""), StartsWith("nothing missing"));
    EXPECT_EQ(receipt.value("checkpointLsn", ""), controldata(orders, "Latest checkpoint location"));
    EXPECT_EQ(controldata(orders, "Database cluster state"), "shut down");
    EXPECT_EQ(fleet_->agent("db-host").wait(), 0) << "its agent has ended by itself";

    auto again = restored_elsewhere(orders);
    const auto found = rows_of(again);
    for (const auto& row : writes.acknowledged()) EXPECT_TRUE(found.contains(first + row.id)) << row.id;
    first += 1'000'000;
    EXPECT_THAT(again.stop(), Succeeded());
    ASSERT_THAT(orders.start(), Succeeded());
    fleet_->start_agent("db-host");
    ASSERT_TRUE(fleet_.covered(database_, clock_.now())) << "it is back at work";
  }
  const auto node = fleet_->query({"node", "describe", "db-host"});
  EXPECT_EQ(node["lastShutdown"]["state"], "complete") << node;
  EXPECT_TRUE(node["lastShutdown"]["receipts"][0]["nothingMissing"]) << node;
  EXPECT_EQ(node["state"], "active");
}

TEST_F(NodeShutdown, SaysWhatMayBeMissingWhenTheStoreIsAwayAndGoesOnlyWhenForced) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  write_file(fleet_->path("quick.yaml"),
             "apiVersion: holdfast/v1\nkind: Policy\nname: quick\nmatch: {fleet: demo}\nwal: {rpo: 1s}\n"
             "shutdown: {drain: 2s, stop_timeout: 4s}\n");
  ASSERT_EQ(fleet_->cli({"policy", "apply", "-f", fleet_->path("quick.yaml")}).exit_code, 0);
  protect(orders);
  files::rename(fleet_->store(), fleet_->store() + ".away");
  write_file(fleet_->store(), "not a directory");
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 1000)"), Succeeded());
  const auto refused = shut_down();
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr(database_));
  EXPECT_THAT(refused.err, HasSubstr("--force"));
  const auto receipt = receipt_of(job_of(refused), database_);
  EXPECT_FALSE(receipt.value("nothingMissing", true)) << receipt;
  EXPECT_THAT(receipt.value("verdict", ""), HasSubstr("on this host only"));
  EXPECT_TRUE(fleet_->agent("db-host").running()) << "it waits for the store to come back";
  EXPECT_EQ(fleet_.node("db-host").value("state", ""), "active");

  const auto forced = shut_down({"--force"});
  EXPECT_EQ(forced.exit_code, 0) << forced.err;
  EXPECT_THAT(receipt_of(job_of(forced), database_).value("verdict", ""), Not(HasSubstr("nothing missing")));
  EXPECT_EQ(fleet_->agent("db-host").wait(), 3) << "not all of it is accounted for";

  // Nothing of it was lost: the server kept it, and it goes out when all are back.
  files::remove(fleet_->store());
  files::rename(fleet_->store() + ".away", fleet_->store());
  ASSERT_THAT(orders.start(), Succeeded());
  fleet_->start_agent("db-host");
  ASSERT_TRUE(fleet_.covered(database_, clock_.now()));
  ASSERT_THAT(orders.kill_hard(), Succeeded());
  auto again = restored_elsewhere(orders);
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or(""), "1000");
}

TEST_F(NodeShutdown, OfAHostByItsSignalsShipsTheLastOfALogWhoseServerStoppedBefore) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 1000)"), Succeeded());
  ASSERT_THAT(orders.stop(), Succeeded());
  EXPECT_EQ(fleet_->agent("db-host").stop(), 0);
  ASSERT_TRUE(Fleet::eventually([&] {
    return fleet_->query({"node", "describe", "db-host"}).contains("lastShutdown");
  }));
  const auto node = fleet_->query({"node", "describe", "db-host"});
  const auto receipt = node["lastShutdown"]["receipts"][0];
  EXPECT_TRUE(receipt.value("nothingMissing", false)) << node;
  EXPECT_EQ(receipt.value("checkpointLsn", ""), controldata(orders, "Latest checkpoint location"));
  auto again = restored_elsewhere(orders);
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or(""), "1000");
}

// The host's own order of things may stop the server while no agent is there to hear of it.
TEST_F(NodeShutdown, TakesTheLastOfALogFromTheDiskOfAServerThatStoppedWhileNobodyReceived) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  fleet_->agent("db-host").kill_hard();
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 300000)"), Succeeded());
  ASSERT_THAT(orders.stop(), Succeeded());
  fleet_->start_agent("db-host");
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("db-host").value("state", "") == "active"; }));
  const auto result = shut_down();
  ASSERT_EQ(result.exit_code, 0) << result.err << fleet_->logs();
  const auto receipt = receipt_of(job_of(result), database_);
  EXPECT_TRUE(receipt.value("nothingMissing", false)) << receipt;
  EXPECT_EQ(receipt.value("checkpointLsn", ""), controldata(orders, "Latest checkpoint location"));
  EXPECT_EQ(fleet_->agent("db-host").wait(), 0);
  auto again = restored_elsewhere(orders);
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or(""), "300000");
  EXPECT_THAT(again.stop(), Succeeded());

  // What comes after it follows without a gap.
  ASSERT_THAT(orders.start(), Succeeded());
  fleet_->start_agent("db-host");
  ASSERT_THAT(orders.sql("INSERT INTO journal VALUES (-1)"), Succeeded());
  ASSERT_TRUE(fleet_.covered(database_, clock_.now())) << fleet_->logs();
  EXPECT_TRUE(fleet_.list("window")[0]["gaps"].empty()) << fleet_.list("window");
}

// A command that fails is tried three times at a stop, with pauses (pgarch.c); the stop must not be taken for hanging.
TEST_F(NodeShutdown, OfAServerWhoseArchiveIsStuckLosesNothing) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on,
                                          .settings = {"archive_mode = on", "archive_command = 'false'"}})
                    .value();
  protect(orders);
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 1000)"), Succeeded());
  ASSERT_THAT(orders.sql("SELECT pg_switch_wal()"), Succeeded());
  const auto result = shut_down();
  ASSERT_EQ(result.exit_code, 0) << result.err << fleet_->logs();
  EXPECT_TRUE(receipt_of(job_of(result), database_).value("nothingMissing", false)) << result.out;
  EXPECT_EQ(controldata(orders, "Database cluster state"), "shut down");
  auto again = restored_elsewhere(orders);
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or(""), "1000");
}

TEST_F(NodeShutdown, OnAFullDiskIsRefusedAndASignalMakesTheLogSafeAllTheSame) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  const SmallDisk disk(fleet_->path("db-host"));
  if (!disk.is_there()) GTEST_SKIP() << "needs the right to mount a tmpfs: " << std::strerror(errno);
  protect(orders);
  disk.fill();
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 1000)"), Succeeded());
  // An order that cannot be journalled is not begun: nobody would know how far it came.
  const auto refused = shut_down();
  EXPECT_EQ(refused.exit_code, 1) << refused.out;
  EXPECT_THAT(refused.err, HasSubstr("cannot be written into the agent's journal"));
  EXPECT_THAT(refused.err, HasSubstr("disk is full"));
  EXPECT_TRUE(orders.running());

  EXPECT_EQ(fleet_->agent("db-host").stop(), 0) << fleet_->logs();
  EXPECT_TRUE(orders.running()) << "an agent that goes alone leaves its servers to themselves";
  const std::string said = read_file(fleet_->place("db-host").log);
  EXPECT_THAT(said, HasSubstr("verdict=\"it runs on; log durable up to"));
  EXPECT_THAT(said, HasSubstr("disk is full"));
  ASSERT_THAT(orders.kill_hard(), Succeeded());
  auto again = restored_elsewhere(orders);
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or(""), "1000");

  disk.make_room();
  ASSERT_THAT(orders.start(), Succeeded());
  fleet_->start_agent("db-host");
  EXPECT_TRUE(fleet_.covered(database_, clock_.now())) << fleet_->logs();
}

TEST_F(NodeShutdown, OfTheAgentAloneLeavesItsServersRunningAndTheirLogSafe) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 1000)"), Succeeded());
  const auto result = shut_down({"--keep-database"});
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(receipt_of(job_of(result), database_).value("verdict", ""), StartsWith("it runs on; log durable up to"));
  EXPECT_EQ(fleet_->agent("db-host").wait(), 0);
  EXPECT_TRUE(orders.running());
  ASSERT_THAT(orders.kill_hard(), Succeeded());
  auto again = restored_elsewhere(orders);
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or(""), "1000");
}

TEST_F(NodeShutdown, ThatIsKilledIsFoundAndReportedAndEndedByTheNextStart) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  // The server waits in its stop for log that nobody takes: time to kill the agent in the middle of it.
  files::rename(fleet_->store(), fleet_->store() + ".away");
  write_file(fleet_->store(), "not a directory");
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 1000)"), Succeeded());
  const auto started = fleet_->cli({"node", "shutdown", "db-host", "--yes", "--detach", "-o", "json"});
  ASSERT_EQ(started.exit_code, 0) << started.err;
  const std::string job = job_of(started).value("id", "");
  const auto described = [&] { return fleet_->query({"job", "describe", job}); };
  ASSERT_TRUE(Fleet::eventually([&] {
    const auto now = described();
    return !now["receipts"].empty() && !now["receipts"][0]["steps"].empty();
  })) << described();
  fleet_->agent("db-host").kill_hard();
  files::remove(fleet_->store());
  files::rename(fleet_->store() + ".away", fleet_->store());
  (void)orders.stop();
  ASSERT_THAT(orders.start(), Succeeded());
  fleet_->start_agent("db-host");
  ASSERT_TRUE(Fleet::eventually([&] { return described()["state"] == "failed"; })) << described();
  EXPECT_THAT(described().value("error", ""), HasSubstr("stopped unexpectedly"));
  EXPECT_EQ(described()["receipts"][0]["steps"][0]["name"], "checkpoint");
  EXPECT_TRUE(Fleet::eventually([&] { return fleet_.node("db-host").value("state", "") == "active"; }));
  ASSERT_TRUE(fleet_.covered(database_, clock_.now()));
  EXPECT_TRUE(orders.running()) << "the order is not carried out again";
  ASSERT_THAT(orders.kill_hard(), Succeeded());
  auto again = restored_elsewhere(orders);
  EXPECT_EQ(again.sql("SELECT count(*) FROM journal").value_or(""), "1000");
}

TEST_F(NodeShutdown, ASecondSignalEndsTheAgentAtOnceAndTheNextStartSaysSo) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  files::rename(fleet_->store(), fleet_->store() + ".away");
  write_file(fleet_->store(), "not a directory");
  ASSERT_THAT(orders.sql("INSERT INTO journal SELECT generate_series(1, 1000)"), Succeeded());
  fleet_->agent("db-host").signal(SIGTERM);
  const auto last = [&] {
    return fleet_->query({"node", "describe", "db-host"}).value("lastShutdown", nlohmann::json::object());
  };
  ASSERT_TRUE(Fleet::eventually([&] { return last().value("state", "") == "running"; })) << "it waits for the store";
  fleet_->agent("db-host").signal(SIGTERM);
  EXPECT_EQ(fleet_->agent("db-host").wait(), 130);
  files::remove(fleet_->store());
  files::rename(fleet_->store() + ".away", fleet_->store());
  fleet_->start_agent("db-host");
  ASSERT_TRUE(Fleet::eventually([&] { return last().value("state", "") == "failed"; })) << last();
  EXPECT_THAT(last().value("error", ""), HasSubstr("stopped unexpectedly on its way out"));
  ASSERT_TRUE(fleet_.covered(database_, clock_.now())) << "what was not safe by then is now";

  // Killed without any signal before.
  fleet_->agent("db-host").kill_hard();
  fleet_->start_agent("db-host");
  ASSERT_TRUE(Fleet::eventually([&] {
    return last().value("error", "").find("killed, or it crashed") != std::string::npos;
  })) << last();
}

TEST_F(NodeShutdown, ClosesFilesWithEverythingInABackup) {
  const std::string directory = fleet_->path("files");
  files::create_directory(directory);
  const std::string path = directory + "/app.data";
  {
    auto app = SqliteConnection::open(path, SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("PRAGMA journal_mode=WAL; CREATE TABLE t (id INTEGER PRIMARY KEY)"), Succeeded());
  }
  fleet_.add_host("db-host", {directory});
  database_ = fleet_.protected_database();
  ASSERT_FALSE(database_.empty());
  auto app = std::make_unique<SqliteConnection>(
      SqliteConnection::open(path, SqliteOpen::read_write, std::chrono::seconds(5)).value());
  ASSERT_THAT(app->execute("INSERT INTO t VALUES (1), (2), (3)"), Succeeded());
  const auto open = shut_down();
  ASSERT_EQ(open.exit_code, 0) << open.err;
  auto receipt = receipt_of(job_of(open), database_);
  EXPECT_TRUE(receipt.value("nothingMissing", false)) << receipt;
  EXPECT_EQ(receipt.value("state", ""), "in use") << "it is left to those who have it open";
  EXPECT_EQ(fleet_->agent("db-host").wait(), 0);

  ASSERT_THAT(app->execute("INSERT INTO t VALUES (4)"), Succeeded());
  files::copy_file(path + "-wal", fleet_->path("wal"));
  app.reset();
  files::remove(path + "-wal");
  files::copy_file(fleet_->path("wal"), path + "-wal", files::copy_options::overwrite_existing);
  fleet_->start_agent("db-host");
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("db-host").value("state", "") == "active"; }));
  const auto closed = shut_down();
  ASSERT_EQ(closed.exit_code, 0) << closed.err;
  receipt = receipt_of(job_of(closed), database_);
  EXPECT_TRUE(receipt.value("nothingMissing", false)) << receipt;
  EXPECT_EQ(receipt.value("state", ""), "closed");
  EXPECT_EQ(fleet_->agent("db-host").wait(), 0);

  const std::string place = fleet_->path("again.data");
  auto restore = ChildProcess::start(
      {Fleet::binary("holdfast-agent"), "restore", "--repository", fleet_->store(), "--recovery-key",
       fleet_->recovery_key(), "--database", database_, "--latest", "--target-directory", place},
      fleet_->path("restore.log"));
  ASSERT_EQ(restore.wait(), 0) << read_file(fleet_->path("restore.log"));
  auto again = SqliteConnection::open(place, SqliteOpen::read_only, std::chrono::seconds(5)).value();
  auto count = again.prepare("SELECT count(*) FROM t").value();
  ASSERT_TRUE(count.step().value());
  EXPECT_EQ(count.integer(0), 4);
}

TEST_F(NodeShutdown, DrainLetsWhatRunsEndAndGivesNothingNewUntilItIsUncordoned) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  const auto drained = fleet_->cli({"node", "drain", "db-host", "--deadline", "1m", "-o", "json"});
  ASSERT_EQ(drained.exit_code, 0) << drained.err;
  EXPECT_EQ(job_of(drained)["steps"][0]["name"], "drain");
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("db-host").value("state", "") == "cordoned"; }));
  EXPECT_NE(fleet_->cli({"backup", "create", database_}).exit_code, 0);
  ASSERT_THAT(orders.sql("INSERT INTO journal VALUES (1)"), Succeeded());
  EXPECT_TRUE(fleet_.covered(database_, clock_.now())) << "log goes on";
  // The agent's own schedule too: a file that is new would be backed up at once.
  {
    auto app = SqliteConnection::open(orders.root() + "/app.data", SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)"), Succeeded());
  }
  const auto backups_of_file = [&] {
    std::size_t count = 0;
    for (const auto& backup : fleet_.list("backup")) count += backup["database"] != database_ ? 1 : 0;
    return count;
  };
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.list("database").size() == 2; }));
  std::this_thread::sleep_for(std::chrono::seconds(3));
  EXPECT_EQ(backups_of_file(), 0U);
  ASSERT_EQ(fleet_->cli({"node", "uncordon", "db-host"}).exit_code, 0);
  EXPECT_TRUE(Fleet::eventually([&] { return backups_of_file() > 0; }));
  const auto again = fleet_->cli({"backup", "create", database_});
  EXPECT_EQ(again.exit_code, 0) << again.err;
}

TEST_F(NodeShutdown, OfManyTakesStandbysFirstStopsAtTheFirstFailureAndGoesOnWhenBegunAgain) {
  auto primary = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  auto standby = PostgresCluster::standby_of(primary).value();
  fleet_.add_host("a-primary", {primary.root()});
  ASSERT_FALSE(fleet_.protected_database().empty());
  fleet_.add_host("z-standby", {standby.root()});
  ASSERT_TRUE(Fleet::eventually([&] {
    const auto databases = fleet_.list("database");
    return databases.size() == 1 && databases[0]["nodes"].size() == 2;
  }));
  // The primary's agent is away: the standby is taken down, and there it stops.
  fleet_->agent("a-primary").kill_hard();
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("a-primary").value("state", "") == "offline"; }, 300));
  const std::vector<std::string> all{"node", "shutdown", "-l", "fleet=demo", "--at-a-time", "2", "--yes", "-o", "json"};
  const auto stopped = fleet_->cli(all);
  EXPECT_EQ(stopped.exit_code, 3) << stopped.err;
  EXPECT_THAT(stopped.err, HasSubstr("a-primary"));
  EXPECT_FALSE(standby.running());
  EXPECT_TRUE(primary.running());
  EXPECT_EQ(fleet_->agent("z-standby").wait(), 0);

  fleet_->start_agent("a-primary");
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("a-primary").value("state", "") == "active"; }));
  const auto rest = fleet_->cli(all);
  EXPECT_EQ(rest.exit_code, 0) << rest.err;
  EXPECT_THAT(rest.err, HasSubstr("z-standby is down already"));
  EXPECT_FALSE(primary.running());
  EXPECT_TRUE(job_of(rest)["receipts"][0]["nothingMissing"]) << rest.out;
}

TEST_F(NodeShutdown, MakesASwitchoverThatLosesNothing) {
  auto primary = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  auto standby = PostgresCluster::standby_of(primary).value();
  protect(primary);
  fleet_.add_host("standby-host", {standby.root()});
  ASSERT_TRUE(Fleet::eventually([&] { return fleet_.list("database")[0]["nodes"].size() == 2; }));
  auto writes = write_to(primary);
  ASSERT_TRUE(Fleet::eventually([&] { return writes->count() > 30; }));
  const auto result = shut_down();
  writes->stop();
  ASSERT_EQ(result.exit_code, 0) << result.err << fleet_->logs();
  EXPECT_TRUE(receipt_of(job_of(result), database_).value("nothingMissing", false)) << result.out;

  ASSERT_THAT(standby.promote(), Succeeded());
  ASSERT_THAT(standby.sql("INSERT INTO journal VALUES (-1)"), Succeeded());
  auto found = rows_of(standby);
  for (const auto& row : writes->acknowledged()) EXPECT_TRUE(found.contains(row.id)) << row.id;
  ASSERT_TRUE(fleet_.covered(database_, clock_.now())) << "the new primary ships" << fleet_->logs();
  ASSERT_THAT(standby.kill_hard(), Succeeded());
  auto again = restored_elsewhere(primary);
  found = rows_of(again);
  EXPECT_TRUE(found.contains(-1));
  for (const auto& row : writes->acknowledged()) EXPECT_TRUE(found.contains(row.id)) << row.id;
}

TEST_F(NodeShutdown, SaysWhichOfTwoServersDoesNotStopAndEndsTheOther) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  auto events = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  write_file(fleet_->path("quick.yaml"),
             "apiVersion: holdfast/v1\nkind: Policy\nname: quick\nmatch: {fleet: demo}\nwal: {rpo: 1s}\n"
             "shutdown: {drain: 2s, stop_timeout: 3s}\n");
  ASSERT_EQ(fleet_->cli({"policy", "apply", "-f", fleet_->path("quick.yaml")}).exit_code, 0);
  fleet_.add_host("db-host", {orders.root(), events.root()});
  std::string hanging;
  ASSERT_TRUE(Fleet::eventually([&] {
    std::size_t complete = 0;
    for (const auto& backup : fleet_.list("backup")) complete += backup["state"] == "complete" ? 1 : 0;
    for (const auto& database : fleet_.list("database")) {
      if (database["path"] == orders.data_directory()) hanging = database["name"];
    }
    return complete == 2;
  })) << fleet_->logs();
  // A client's process that hears no signal.
  std::jthread client([&] { (void)orders.sql("SELECT pg_sleep(60)"); });
  ASSERT_THAT(orders.wait_for("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> "
                              "pg_backend_pid()",
                              "1"),
              Succeeded());
  const pid_t pid = std::stoi(
      orders.sql("SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)' AND pid <> pg_backend_pid()")
          .value());
  ASSERT_EQ(::kill(pid, SIGSTOP), 0);
  const auto result = shut_down();
  EXPECT_EQ(result.exit_code, 1) << result.out;
  const auto job = job_of(result);
  for (const auto& receipt : job["receipts"]) {
    const bool hangs = receipt["database"] == hanging;
    EXPECT_EQ(receipt["nothingMissing"], !hangs) << receipt;
    if (hangs) {
      EXPECT_THAT(receipt.value("verdict", ""), HasSubstr("not known"));
    }
  }
  EXPECT_THAT(result.err, HasSubstr(hanging));
  EXPECT_FALSE(events.running());
  EXPECT_TRUE(fleet_->agent("db-host").running());

  ASSERT_EQ(::kill(pid, SIGCONT), 0);
  ASSERT_TRUE(Fleet::eventually([&] { return !orders.running(); }));
  const auto again = shut_down();
  EXPECT_EQ(again.exit_code, 0) << again.err;
  for (const auto& receipt : job_of(again)["receipts"]) EXPECT_TRUE(receipt["nothingMissing"]) << receipt;
  EXPECT_EQ(fleet_->agent("db-host").wait(), 0);
}

TEST_F(NodeShutdown, KilledAtAnyMomentLosesNothingAndIsNotBegunAgain) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  protect(orders);
  std::mt19937 random(std::random_device{}());
  std::int64_t first = 0;
  std::set<std::int64_t> acknowledged;
  for (int round = 0; round < rounds() + 1; ++round) {
    SCOPED_TRACE(round);
    AcknowledgedWrites writes([&](std::int64_t id) {
      return orders.sql("INSERT INTO journal VALUES (" + std::to_string(first + id) + ")").has_value();
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const auto started = fleet_->cli({"node", "shutdown", "db-host", "--yes", "--detach", "-o", "json"});
    ASSERT_EQ(started.exit_code, 0) << started.err;
    const std::string job = job_of(started).value("id", "");
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 900));
    fleet_->agent("db-host").kill_hard();
    writes.stop();
    for (const auto& row : writes.acknowledged()) acknowledged.insert(first + row.id);
    first += 1'000'000;
    (void)orders.stop();
    ASSERT_THAT(orders.start(), Succeeded());
    fleet_->start_agent("db-host");
    const auto described = [&] { return fleet_->query({"job", "describe", job}); };
    ASSERT_TRUE(Fleet::eventually([&] {
      const std::string state = described().value("state", "");
      return state == "failed" || state == "complete";
    })) << described()
        << fleet_->logs();
    ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("db-host").value("state", "") == "active"; }));
    ASSERT_TRUE(fleet_.covered(database_, clock_.now())) << fleet_->logs();
    EXPECT_TRUE(orders.running());
  }
  ASSERT_THAT(orders.kill_hard(), Succeeded());
  auto again = restored_elsewhere(orders);
  const auto found = rows_of(again);
  for (const auto id : acknowledged) EXPECT_TRUE(found.contains(id)) << id;
}

}  // namespace
}  // namespace holdfast
