// The worst day: coordinator, catalog and agents are gone. A store and the recovery key bring the databases back.
#include <gtest/gtest.h>

#include <filesystem>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class BreakGlass : public testing::Test {
 protected:
  struct Said {
    int exit_code = 0;
    std::string text;
  };
  Said restore(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {Fleet::binary("holdfast-agent"), "restore", "--repository", fleet_->store(),
                                         "--recovery-key", kept_ + "/recovery.key"});
    const std::string log = kept_ + "/said-" + std::to_string(++runs_);
    auto process = ChildProcess::start(arguments, log);
    const int code = process.wait();
    return {code, read_file(log)};
  }
  // Only the store and the recovery key are left.
  void lose_everything() {
    files::create_directory(kept_);
    files::rename(fleet_->recovery_key(), kept_ + "/recovery.key");
    for (const char* name : {"pg-host", "files-host"}) {
      fleet_->agent(name).kill_hard();
      files::remove_all(fleet_->place(name).state);
    }
    fleet_->coordinator().kill_hard();
    files::remove_all(fleet_->path("fleet"));
    ASSERT_THAT(orders_.kill_hard(), Succeeded());
    files::remove_all(orders_.data_directory());
    files::remove_all(directory_);
  }

  PostgresCluster orders_ = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  SmallFleet fleet_;
  const std::string kept_ = fleet_->path("kept");
  const std::string directory_ = fleet_->path("files");
  int runs_ = 0;
};

TEST_F(BreakGlass, BringsPostgresToATimeAndASqliteFileBackFromTheStoreAlone) {
  SystemClock clock;
  files::create_directory(directory_);
  const std::string file = directory_ + "/app.data";
  {
    auto app = SqliteConnection::open(file, SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)"), Succeeded());
  }
  const std::string pages = read_file(file);
  fleet_.add_host("pg-host", {orders_.data_directory()});
  fleet_.add_host("files-host", {directory_});
  ASSERT_TRUE(Fleet::eventually([&] {
    const auto backups = fleet_.list("backup");
    return backups.size() == 2 && backups[0]["state"] == "complete" && backups[1]["state"] == "complete";
  }));
  std::string postgres;
  std::string sqlite;
  const auto databases = fleet_.list("database");
  for (const auto& database : databases) (database["engine"] == "sqlite" ? sqlite : postgres) = database["name"];
  ASSERT_THAT(orders_.sql("CREATE TABLE journal AS SELECT g AS id FROM generate_series(1, 3) g"), Succeeded());
  const Timestamp moment = clock.now();
  ASSERT_THAT(orders_.sql("DROP TABLE journal; CREATE TABLE journal AS SELECT 'too late' AS id"), Succeeded());
  ASSERT_TRUE(fleet_.covered(postgres, clock.now()));
  lose_everything();

  const auto listed = restore({"--list"});
  EXPECT_EQ(listed.exit_code, 0) << listed.text;
  EXPECT_NE(listed.text.find(postgres), std::string::npos) << listed.text;
  EXPECT_NE(listed.text.find(sqlite), std::string::npos) << listed.text;

  const std::string port = std::to_string(free_port().value());
  const std::string copy = orders_.root() + "/again";
  const auto restored =
      restore({"--database", postgres, "--to-time", to_rfc3339(moment), "--target-directory", copy, "--port", port});
  ASSERT_EQ(restored.exit_code, 0) << restored.text;
  const auto rows = orders_.run_program("psql", {"-h", orders_.socket_directory(), "-p", port, "-XAtq", "-d",
                                                 "postgres", "-c", "SELECT string_agg(id::text, ',') FROM journal"});
  EXPECT_EQ(rows.value_or("no answer"), "1,2,3\n");
  auto server = PostgresCluster::adopt(copy).value();
  ASSERT_THAT(server.stop(), Succeeded());
  EXPECT_THAT(server.run_program("pg_checksums", {"--check", "-D", copy}), Succeeded());

  const auto beside =
      restore({"--database", postgres, "--latest", "--no-start", "--target-directory", orders_.root() + "/latest"});
  ASSERT_EQ(beside.exit_code, 0) << beside.text;
  auto latest = PostgresCluster::adopt(orders_.root() + "/latest").value();
  ASSERT_THAT(latest.start(), Succeeded());
  ASSERT_THAT(latest.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
  EXPECT_EQ(latest.sql("SELECT id FROM journal").value_or(""), "too late");
  EXPECT_THAT(latest.stop(), Succeeded());

  files::create_directory(directory_);
  const auto sqlite_back = restore({"--database", sqlite, "--target-directory", file});
  ASSERT_EQ(sqlite_back.exit_code, 0) << sqlite_back.text;
  EXPECT_TRUE(read_file(file) == pages);

  // What cannot be: said before anything is written.
  const std::string nowhere = orders_.root() + "/nowhere";
  EXPECT_EQ(restore({"--database", postgres, "--to-lsn", "FF/0", "--target-directory", nowhere}).exit_code, 7);
  const auto late =
      restore({"--database", postgres, "--to-time", to_rfc3339(clock.now()), "--target-directory", nowhere});
  EXPECT_EQ(late.exit_code, 7) << late.text;
  EXPECT_NE(late.text.find("the last moment the stored log tells of"), std::string::npos) << late.text;
  EXPECT_EQ(restore({"--database", "nobody", "--target-directory", nowhere}).exit_code, 8);
  EXPECT_EQ(restore({"--database", postgres, "--target-directory", copy}).exit_code, 6) << "it is not empty";
  EXPECT_FALSE(files::exists(nowhere));
}

TEST_F(BreakGlass, NeedsThisFleetsRecoveryKey) {
  fleet_.add_host("pg-host", {orders_.data_directory()});
  ASSERT_FALSE(fleet_.protected_database().empty());
  const Fleet other;
  files::create_directory(kept_);
  files::copy_file(other.recovery_key(), kept_ + "/recovery.key");
  const std::string target = orders_.root() + "/again";
  const auto refused = restore({"--target-directory", target});
  EXPECT_EQ(refused.exit_code, 5) << refused.text;
  EXPECT_NE(refused.text.find("recovery key"), std::string::npos) << refused.text;
  EXPECT_FALSE(files::exists(target));
}

}  // namespace
}  // namespace holdfast
