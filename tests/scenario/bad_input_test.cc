// Input that cannot be meant: refused before anything happens, with the place where it stands; and two of what there
// may be only one.
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

struct BadFile {
  const char* name;
  const char* text;
  const char* place;  // line and column
  const char* names;  // what else the message must have
};

class BadInput : public testing::Test {
 protected:
  // Runs a program that is to end at once; its exit code and what it said.
  std::pair<int, std::string> run(const std::vector<std::string>& arguments) {
    const std::string log = fleet_.path("said-" + std::to_string(++runs_));
    auto process = ChildProcess::start(arguments, log);
    const int code = process.wait();
    return {code, read_file(log)};
  }

  Fleet fleet_;
  int runs_ = 0;
};

TEST_F(BadInput, InAnAgentsConfigurationNamesItsPlaceAndMakesNothing) {
  const BadFile cases[] = {
      {"unknown-key", "name: db1\ndiscovry: {}\n", ":2:", "discovry"},
      {"wrong-type", "name: db1\ndiscovery:\n  within: /srv\n", ":3:", "within"},
      {"relative-path", "discovery:\n  within:\n    - srv/data\n", ":3:", "absolute"},
      {"bad-level", "log: {level: loud}\n", ":1:", "loud"},
      {"bad-duration", "discovery:\n  interval: soon\n", ":2:", "soon"},
      {"not-yaml", "name: [db1\n", ":", "yaml"},
      {"twice", "name: a\nname: b\n", ":2:", "name"},
      {"half-a-pair", "postgres:\n  servers:\n    - data_directory: /srv/data\n      start_command: run it\n",
       ":3:", "stop_command"},
      {"for-every-cluster", "postgres:\n  start_command: up\n  stop_command: down\n", ":2:", "postgres.servers"},
  };
  for (const BadFile& bad : cases) {
    SCOPED_TRACE(bad.name);
    const std::string config = fleet_.path(std::string(bad.name) + ".yaml");
    const std::string state = fleet_.path(std::string(bad.name) + "-state");
    write_file(config, bad.text);
    const auto [code, said] = run({Fleet::binary("holdfast-agent"), "run", "--state", state, "--config", config});
    EXPECT_EQ(code, 2) << said;
    EXPECT_NE(said.find(config + bad.place), std::string::npos) << said;
    EXPECT_NE(said.find(bad.names), std::string::npos) << said;
    EXPECT_FALSE(files::exists(state)) << "something was made";
  }
}

TEST_F(BadInput, InACoordinatorsConfigurationNamesItsPlaceAndChangesNothing) {
  const BadFile cases[] = {
      {"unknown-key", "fleetport: 7400\n", ":1:", "fleetport"},
      {"out-of-range", "bind: 127.0.0.1\nfleet_port: 70000\n", ":2:", "70000"},
      {"no-number", "heartbeat_seconds: often\n", ":1:", "often"},
      {"bad-endpoint", "fleet_endpoints: [\"coordinator:7400\"]\n", ":1:", "tcp://"},
      {"not-a-map", "- 7400\n", ":1:", "keys and values"},
  };
  const std::string state = fleet_.path("fleet");
  const auto before = everything_in(state);
  for (const BadFile& bad : cases) {
    SCOPED_TRACE(bad.name);
    const std::string config = fleet_.path(std::string(bad.name) + ".yaml");
    write_file(config, bad.text);
    const auto [code, said] =
        run({Fleet::binary("holdfast-coordinator"), "--state", state + "/coordinator", "--config", config});
    EXPECT_EQ(code, 2) << said;
    EXPECT_NE(said.find(config + bad.place), std::string::npos) << said;
    EXPECT_NE(said.find(bad.names), std::string::npos) << said;
    EXPECT_EQ(everything_in(state), before);
  }
}

TEST_F(BadInput, InAPolicyNamesItsPlaceAndChangesNothing) {
  fleet_.start_coordinator();
  const std::string before = fleet_.query({"policy", "list"}).dump();
  const BadFile cases[] = {
      {"unknown-key", "apiVersion: holdfast/v1\nkind: Policy\nname: p\nschedul: {}\n", ":4:", "schedul"},
      {"bad-cron", "apiVersion: holdfast/v1\nkind: Policy\nname: p\nschedule:\n  full: \"0 99 * * *\"\n", ":5:9", "99"},
      {"bad-zone", "apiVersion: holdfast/v1\nkind: Policy\nname: p\ntimezone: Mars/Olympus\n", ":4:", "Mars/Olympus"},
      {"bad-name", "apiVersion: holdfast/v1\nkind: Policy\nname: Über\n", ":3:", "name"},
      {"wrong-kind", "apiVersion: holdfast/v1\nkind: Pod\nname: p\n", ":2:", "Pod"},
      {"tab", "apiVersion: holdfast/v1\nkind: Policy\nname: p\nschedule:\n\tfull: '@daily'\n", ":5:", "yaml"},
      {"empty", "", ":", "yaml"},
  };
  for (const BadFile& bad : cases) {
    SCOPED_TRACE(bad.name);
    const std::string file = fleet_.path(std::string(bad.name) + ".yaml");
    write_file(file, bad.text);
    const auto refused = fleet_.cli({"policy", "apply", "-f", file});
    EXPECT_EQ(refused.exit_code, 2) << refused.err;
    EXPECT_NE(refused.err.find(file + bad.place), std::string::npos) << refused.err;
    EXPECT_NE(refused.err.find(bad.names), std::string::npos) << refused.err;
    EXPECT_TRUE(refused.out.empty()) << refused.out;
  }
  EXPECT_EQ(fleet_.query({"policy", "list"}).dump(), before);
}

TEST_F(BadInput, InArgumentsIsUsageAndChangesNothing) {
  fleet_.start_coordinator();
  const std::vector<std::vector<std::string>> cases{
      {},
      {"nood", "list"},
      {"node"},
      {"node", "list", "--no-such-option"},
      {"node", "list", "-l", "env=(("},
      {"node", "list", "-o", "xml"},
      {"token", "create", "--ttl", "soon"},
      {"token", "create", "--uses", "0"},
      {"token", "create", "--uses", "-1"},
      {"token", "create", "--approval", "maybe"},
      {"token", "create", "--label", "novalue"},
      {"token", "create", "--cidr", "10.0.0.0/99"},
      {"store", "add", "local", "posix"},
      {"store", "add", "local", "posix", "--path", "relative/path"},
      {"store", "add", "local", "tape", "--path", "/dev/st0"},
      {"backup", "create"},
      {"restore", "run", "--yes"},
      {"restore", "run", "db", "--to-time", "yesterday", "--yes"},
      {"restore", "run", "db", "--to-lsn", "here", "--yes"},
      {"restore", "run", "db", "--to-xid", "abc", "--yes"},
      {"restore", "run", "db", "--latest", "--immediate", "--yes"},
      {"restore", "run", "db", "--to-name", "n", "--exclusive", "--yes"},
      {"restore", "run", "db", "--timeline", "old", "--yes"},
      {"restore", "run", "db", "--map", "m.csv", "--target-node", "n", "--yes"},
  };
  for (const auto& arguments : cases) {
    SCOPED_TRACE(testing::PrintToString(arguments));
    const auto refused = fleet_.cli(arguments);
    EXPECT_EQ(refused.exit_code, 2) << refused.err << refused.out;
    EXPECT_FALSE(refused.err.empty());
    EXPECT_TRUE(refused.out.empty()) << refused.out;
  }
  EXPECT_TRUE(fleet_.query({"token", "list"})["items"].empty());
  EXPECT_TRUE(fleet_.query({"store", "list"})["items"].empty());
  for (const char* program : {"holdfast-agent", "holdfast-coordinator"}) {
    EXPECT_EQ(run({Fleet::binary(program)}).first, 2);
    EXPECT_EQ(run({Fleet::binary(program), "--no-such-option"}).first, 2);
    EXPECT_EQ(run({Fleet::binary(program), "--help"}).first, 0);
    EXPECT_EQ(run({Fleet::binary(program), "--version"}).first, 0);
  }
  // A second fleet over the first one.
  const auto again = fleet_.cli({"init", "--directory", fleet_.path("fleet"), "--no-passphrase"});
  EXPECT_EQ(again.exit_code, 6) << again.err;
}

TEST_F(BadInput, WithoutACoordinatorCommandsSaySo) {
  const auto nobody = fleet_.cli({"node", "list"});
  EXPECT_EQ(nobody.exit_code, 4) << nobody.err;
  EXPECT_NE(nobody.err.find("hint: "), std::string::npos) << nobody.err;
}

TEST_F(BadInput, ASecondCoordinatorOnTheSameStateIsAConflictAndTheFirstGoesOn) {
  fleet_.start_coordinator();
  const auto [code, said] =
      run({Fleet::binary("holdfast-coordinator"), "--state", fleet_.path("fleet/coordinator"), "--bind", "127.0.0.1",
           "--fleet-port", std::to_string(free_port().value()), "--enrol-port", std::to_string(free_port().value())});
  EXPECT_EQ(code, 6) << said;
  EXPECT_NE(said.find(std::to_string(fleet_.coordinator().pid())), std::string::npos) << said;
  EXPECT_EQ(fleet_.cli({"status"}).exit_code, 0);
  EXPECT_EQ(fleet_.coordinator().stop(), 0);
  // It held nothing that its successor would need.
  fleet_.start_coordinator();
}

TEST(TwoAgents, OnOneStateDirectoryAreAConflictAndTheFirstGoesOn) {
  SmallFleet fleet;
  const std::string directory = fleet->path("files");
  files::create_directory(directory);
  auto app = SqliteConnection::open(directory + "/app.data", SqliteOpen::create, std::chrono::seconds(5)).value();
  ASSERT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)"), Succeeded());
  fleet.add_host("db1", {directory});
  const std::string database = fleet.protected_database();
  ASSERT_FALSE(database.empty());
  const auto& place = fleet->place("db1");
  auto second = ChildProcess::start(
      {Fleet::binary("holdfast-agent"), "run", "--state", place.state, "--config", place.config}, fleet->path("said"));
  EXPECT_EQ(second.wait(), 6) << read_file(fleet->path("said"));
  EXPECT_NE(read_file(fleet->path("said")).find("another agent (process "), std::string::npos);
  EXPECT_TRUE(fleet->agent("db1").running());
  const auto backup = fleet->cli({"backup", "create", database});
  EXPECT_EQ(backup.exit_code, 0) << backup.err;
}

}  // namespace
}  // namespace holdfast
