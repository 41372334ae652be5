// How an agent begins: refused with all that is wrong, or up and ready only when it really protects; and that two of
// them do not protect the same cluster.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/notify_socket.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class RefusedStart : public testing::Test {
 protected:
  RefusedStart() { files::create_directory(state_); }
  // Its exit code and what it said.
  std::pair<int, std::string> run(const std::vector<std::string>& more = {}) {
    const std::string log = directory_ / "said";
    std::vector<std::string> command{Fleet::binary("holdfast-agent"), "run", "--state", state_};
    command.insert(command.end(), more.begin(), more.end());
    auto process = ChildProcess::start(command, log);
    const int code = process.wait();
    return {code, read_file(log)};
  }
  void make_state(const std::string& sql) {
    auto state = SqliteConnection::open(state_ + "/state.db", SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(state.execute(sql), Succeeded());
  }
  void make_open_key() {
    write_file(state_ + "/node.key", "secret");
    ::chmod((state_ + "/node.key").c_str(), 0640);
  }

  TemporaryDirectory directory_;
  const std::string state_ = directory_ / "state";
};

TEST_F(RefusedStart, OfAKeyThatOthersCanReadSaysSoAndWhatToDo) {
  make_open_key();
  const auto before = everything_in(state_);
  const auto [code, said] = run();
  EXPECT_EQ(code, 1);
  EXPECT_THAT(said,
              HasSubstr("error: \"" + state_ + "/node.key\" holds secrets and can be used by others (mode 0640)"));
  EXPECT_THAT(said, HasSubstr("hint: chmod 600 " + state_ + "/node.key"));
  EXPECT_EQ(everything_in(state_), before);
}

TEST_F(RefusedStart, OfANewerAgentsStateSaysSo) {
  make_state("CREATE TABLE facts (name TEXT PRIMARY KEY, value BLOB NOT NULL); PRAGMA user_version = 99");
  const auto [code, said] = run();
  EXPECT_EQ(code, 1);
  EXPECT_THAT(said, HasSubstr("was written by a newer agent (state version 99"));
  EXPECT_THAT(said, HasSubstr("hint: install that version again"));
  EXPECT_FALSE(files::exists(state_ + "/node.key")) << "it went on";
}

TEST_F(RefusedStart, TellsAllThatIsWrongAtOnce) {
  make_open_key();
  make_state("PRAGMA user_version = 99");
  write_file(directory_ / "agent.yaml", "nmae: db1\n");
  const auto [code, said] = run({"--config", directory_ / "agent.yaml"});
  EXPECT_EQ(code, 2);
  EXPECT_THAT(said, HasSubstr("for 3 reasons"));
  EXPECT_THAT(said, HasSubstr("nmae"));
  EXPECT_THAT(said, HasSubstr("(mode 0640)"));
  EXPECT_THAT(said, HasSubstr("state version 99"));
}

class Beginning : public testing::Test {
 protected:
  static std::string status_of(SmallFleet& fleet, const std::string& name) {
    const std::string log = fleet->path(name + "-status");
    files::remove(log);
    auto process =
        ChildProcess::start({Fleet::binary("holdfast-agent"), "status", "--state", fleet->place(name).state}, log);
    (void)process.wait();  // it may not have made its state yet
    return read_file(log);
  }
  static bool says(SmallFleet& fleet, const std::string& name, const std::string& text) {
    return Fleet::eventually([&] { return status_of(fleet, name).find(text) != std::string::npos; });
  }
  // Everything that the manager was told up to the first message with this text.
  std::string told_until(const std::string& text) {
    std::string all;
    for (int messages = 0; messages < 200; ++messages) {
      const std::string message = socket_.next();
      all += message + "\n";
      if (message.find(text) != std::string::npos || message == "nothing came") break;
    }
    return all;
  }
  void start(SmallFleet& fleet, const std::string& within) {
    fleet->add_agent("db1", {within});
    fleet->start_agent("db1", fleet->new_token(), {"NOTIFY_SOCKET=" + socket_.path()});
  }

  NotifySocket socket_;
};

TEST_F(Beginning, WithoutADatabaseIsReadyAndProtectsOneThatAppearsLater) {
  auto orders = PostgresCluster::create({}).value();
  SmallFleet fleet;
  start(fleet, orders.root());
  EXPECT_THAT(told_until("READY=1"), HasSubstr("READY=1\nSTATUS=ready: 0 running databases"));
  ASSERT_THAT(orders.start(), Succeeded());
  const std::string database = fleet.protected_database();
  ASSERT_FALSE(database.empty()) << fleet->logs();
  EXPECT_TRUE(says(fleet, "db1", "log healthy")) << status_of(fleet, "db1");
  EXPECT_TRUE(says(fleet, "db1", "ready      yes")) << status_of(fleet, "db1");
  EXPECT_THAT(told_until("ready: 1 running"), HasSubstr("STATUS=ready: 1 running databases are protected"));
  EXPECT_EQ(fleet->agent("db1").stop(), 0);
  EXPECT_THAT(told_until("STOPPING=1"), HasSubstr("STOPPING=1"));
  EXPECT_THAT(status_of(fleet, "db1"), HasSubstr("ready      no\n           it does not run"));
}

TEST_F(Beginning, IsToldToTheServiceManagerOnlyWhenTheLogIsStreamed) {
  PostgresCluster::Options options;
  options.hba_lines = {"local replication all reject"};
  auto orders = PostgresCluster::started(options).value();
  SmallFleet fleet;
  start(fleet, orders.root());
  const std::string before = told_until("log is not streamed yet");
  EXPECT_THAT(before, HasSubstr("not streamed yet"));
  EXPECT_THAT(before, Not(HasSubstr("READY=1")));
  EXPECT_THAT(status_of(fleet, "db1"), HasSubstr("ready      no"));

  const std::string hba = orders.data_directory() + "/pg_hba.conf";
  std::string rules = read_file(hba);
  const auto at = rules.find(options.hba_lines[0]);
  ASSERT_NE(at, std::string::npos);
  rules.insert(at, "#");
  write_file(hba, rules);
  ASSERT_THAT(orders.reload(), Succeeded());
  EXPECT_THAT(told_until("READY=1"), HasSubstr("READY=1\nSTATUS=ready: 1 running databases are protected"));
  EXPECT_TRUE(says(fleet, "db1", "ready      yes")) << status_of(fleet, "db1");
}

TEST_F(Beginning, OfASecondAgentOnTheSameClusterLeavesItToTheFirst) {
  auto orders = PostgresCluster::started().value();
  SmallFleet first;
  first.add_host("db1", {orders.root()});
  ASSERT_FALSE(first.protected_database().empty()) << first->logs();
  SmallFleet second;
  second.add_host("db2", {orders.root()});
  EXPECT_TRUE(says(second, "db2", "another agent (process " + std::to_string(first->agent("db1").pid()) + ")"))
      << status_of(second, "db2") << second->logs();
  EXPECT_THAT(read_file(second->place("db2").log), HasSubstr("a database is left to another agent"));
  EXPECT_EQ(orders.sql("SELECT count(*) FROM pg_stat_replication").value_or(""), "1");
  const auto databases = second.list("database");
  ASSERT_EQ(databases.size(), 1U);
  const std::vector<std::string> backup{"backup", "create", databases[0]["id"].get<std::string>()};
  const auto refused = second->cli(backup);
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_THAT(refused.err, HasSubstr("another agent"));
  EXPECT_TRUE(second.list("backup").empty());

  // When the first is gone, the second takes over.
  EXPECT_EQ(first->agent("db1").stop(), 0);
  EXPECT_TRUE(Fleet::eventually([&] { return second->cli(backup).exit_code == 0; })) << second->logs();
  EXPECT_TRUE(says(second, "db2", "ready      yes")) << status_of(second, "db2");
}

// As a host does that goes down: the servers first, the agent after them.
TEST_F(Beginning, BeforeTheServerAndEndingAfterItLeavesNothingOut) {
  auto orders = PostgresCluster::started().value();
  SmallFleet fleet;
  fleet.add_host("db1", {orders.root()});
  ASSERT_FALSE(fleet.protected_database().empty()) << fleet->logs();
  ASSERT_THAT(orders.sql("CREATE TABLE journal AS SELECT 1 AS id"), Succeeded());
  ASSERT_THAT(orders.stop(), Succeeded());
  EXPECT_EQ(fleet->agent("db1").stop(), 0) << fleet->logs();
  EXPECT_THAT(read_file(fleet->place("db1").log), HasSubstr("verdict=\"nothing missing"));
}

TEST_F(Beginning, BeforeTheServerLetsItGoWhenTheStoreIsAway) {
  auto orders = PostgresCluster::started().value();
  SmallFleet fleet;
  write_file(fleet->path("quick.yaml"),
             "apiVersion: holdfast/v1\nkind: Policy\nname: default\nsplay: 1h\nwal: {rpo: 1s}\n"
             "shutdown: {stop_timeout: 2s}\n");
  ASSERT_EQ(fleet->cli({"policy", "apply", "-f", fleet->path("quick.yaml")}).exit_code, 0);
  fleet.add_host("db1", {orders.root()});
  ASSERT_FALSE(fleet.protected_database().empty()) << fleet->logs();
  files::rename(fleet->store(), fleet->store() + ".away");
  write_file(fleet->store(), "not a directory");
  ASSERT_THAT(orders.sql("CREATE TABLE journal AS SELECT 1 AS id"), Succeeded());
  EXPECT_THAT(orders.stop(), Succeeded()) << "it was kept: " << fleet->logs();
  EXPECT_THAT(read_file(fleet->place("db1").log), HasSubstr("it is let go of"));

  files::remove(fleet->store());
  files::rename(fleet->store() + ".away", fleet->store());
  ASSERT_THAT(orders.start(), Succeeded());
  EXPECT_TRUE(says(fleet, "db1", "log healthy")) << status_of(fleet, "db1");
  EXPECT_TRUE(fleet.covered(fleet.protected_database(), SystemClock().now())) << fleet->logs();
}

}  // namespace
}  // namespace holdfast
