// Hosts that are not alike: clocks that are wrong, standbys, copies that pretend to be the original, databases that are
// nobody's business, SQLite files of both kinds.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

constexpr const char* faketime_library = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

class AgentsClock : public testing::TestWithParam<int> {};

TEST_P(AgentsClock, OffByAnHourIsShownAndTimesOfTheServerStayRight) {
  ASSERT_TRUE(files::exists(faketime_library)) << "the package faketime is missing";
  SystemClock clock;
  auto orders = PostgresCluster::started().value();
  SmallFleet fleet;
  const std::int64_t seconds = GetParam();
  fleet->add_agent("db1", {orders.data_directory()});
  fleet->start_agent("db1", fleet->new_token(),
                     {std::string("LD_PRELOAD=") + faketime_library, "FAKETIME_DONT_FAKE_MONOTONIC=1",
                      "FAKETIME=" + std::string(seconds > 0 ? "+" : "") + std::to_string(seconds)});
  const std::string database = fleet.protected_database();
  ASSERT_FALSE(database.empty());
  const std::int64_t offset = fleet.node("db1")["clockOffsetMs"];
  EXPECT_NEAR(static_cast<double>(offset), static_cast<double>(seconds * 1000), 20'000);

  ASSERT_THAT(orders.sql("CREATE TABLE journal AS SELECT 1 AS id"), Succeeded());
  const Timestamp moment = clock.now();
  ASSERT_THAT(orders.sql("INSERT INTO journal VALUES (2)"), Succeeded());
  ASSERT_TRUE(fleet.covered(database, clock.now()));
  const auto window = fleet.list("window", {database})[0];
  EXPECT_LE(parse_time(window["from"].get<std::string>()).value(), moment);
  EXPECT_LE(parse_time(window["to"].get<std::string>()).value(), clock.now());

  const std::string directory = orders.root() + "/copy";
  const auto restored =
      fleet.restore({database, "--to-time", to_rfc3339(moment), "--target-directory", directory, "--no-start"});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  auto copy = PostgresCluster::adopt(directory).value();
  ASSERT_THAT(copy.start(), Succeeded());
  ASSERT_THAT(copy.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
  EXPECT_EQ(copy.sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM journal").value_or(""), "1");
}

INSTANTIATE_TEST_SUITE_P(By, AgentsClock, testing::Values(3600, -3600),
                         [](const auto& parameter) { return parameter.param > 0 ? "Ahead" : "Behind"; });

TEST(Groups, AStandbyWithItsOwnAgentIsAMemberAndNotBackedUpTwice) {
  auto primary = PostgresCluster::started().value();
  auto standby = PostgresCluster::standby_of(primary).value();
  SmallFleet fleet;
  fleet.add_host("primary-host", {primary.root()});
  fleet.add_host("standby-host", {standby.root()});
  ASSERT_TRUE(Fleet::eventually([&] {
    const auto databases = fleet.list("database");
    return databases.size() == 1 && databases[0]["nodes"].size() == 2;
  })) << fleet.list("database").dump(1);
  ASSERT_FALSE(fleet->wait_for_backup().is_null());
  const std::string database = fleet.list("database")[0]["name"];
  const auto again = fleet->cli({"backup", "create", database});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  const auto backups = fleet.list("backup");
  EXPECT_EQ(backups.size(), 2U);
  for (const auto& backup : backups) EXPECT_EQ(backup["node"], "primary-host");
  EXPECT_EQ(standby.sql("SELECT count(*) FROM pg_replication_slots WHERE NOT temporary").value_or(""), "0");
  EXPECT_EQ(fleet.list("database").size(), 1U);
}

TEST(Groups, ASecondPrimaryOfTheSameSystemIsADatabaseOfItsOwnWithAnAlert) {
  auto original = PostgresCluster::started().value();
  ASSERT_THAT(original.stop(), Succeeded());
  const auto elsewhere = OwnedDirectory::of(cluster_user().value()).value();
  const std::string directory = elsewhere.path() + "/data";
  ASSERT_EQ(ChildProcess::start({"cp", "-a", original.data_directory(), directory}, "/dev/null").wait(), 0);
  ASSERT_THAT(original.start(), Succeeded());
  auto copy = PostgresCluster::adopt(directory).value();

  SmallFleet fleet;
  fleet.add_host("original-host", {original.root()});
  ASSERT_FALSE(fleet.protected_database().empty());
  ASSERT_THAT(copy.start(), Succeeded());
  fleet.add_host("copy-host", {elsewhere.path()});
  ASSERT_TRUE(Fleet::eventually([&] { return fleet.list("database").size() == 2; }));
  const auto databases = fleet.list("database");
  EXPECT_EQ(databases[0]["systemId"], databases[1]["systemId"]);
  EXPECT_NE(databases[0]["id"], databases[1]["id"]);
  EXPECT_TRUE(Fleet::eventually([&] {
    return fleet->query({"status"})["alerts"].dump().find("primar") != std::string::npos;
  })) << fleet->query({"status"}).dump(1);
  // Each has its own backups, from its own host.
  EXPECT_TRUE(Fleet::eventually([&] {
    std::set<std::string> nodes;
    const auto backups = fleet.list("backup");
    for (const auto& backup : backups) {
      if (backup["state"] == "complete") nodes.insert(backup["node"]);
    }
    return nodes.size() == 2;
  }));
  EXPECT_THAT(copy.stop(), Succeeded());
}

TEST(Groups, AnExcludedDatabaseIsListedAndNeverTouched) {
  auto secret = PostgresCluster::started({.settings = {"log_connections = on"}}).value();
  SmallFleet fleet;
  const std::string directory = fleet->path("files");
  files::create_directories(directory + "/private");
  for (const std::string& file : {directory + "/app.data", directory + "/private/diary.data"}) {
    auto app = SqliteConnection::open(file, SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY)"), Succeeded());
  }
  const auto& place = fleet->add_agent("db1", {secret.root(), directory});
  write_file(place.config, read_file(place.config) + "  exclude:\n    - " + secret.data_directory() + "\n    - " +
                               directory + "/private\n");
  fleet->start_agent("db1", fleet->new_token());
  ASSERT_FALSE(fleet.protected_database().empty());
  const auto databases = fleet.list("database");
  for (const auto& database : databases) {
    if (database["path"] == directory + "/app.data") {
      EXPECT_EQ(database["state"], "protected");
      continue;
    }
    EXPECT_EQ(database["state"], "excluded") << database.dump(1);
    const auto refused = fleet->cli({"backup", "create", database["id"]});
    EXPECT_NE(refused.exit_code, 0);
    EXPECT_NE(refused.err.find("excluded"), std::string::npos) << refused.err;
  }
  (void)fleet->cli({"backup", "create", "-l", "engine=sqlite"});
  const auto backups = fleet.list("backup");
  for (const auto& backup : backups) EXPECT_NE(backup["database"].get<std::string>().find("app"), std::string::npos);
  EXPECT_EQ(secret.sql("SELECT count(*) FROM pg_replication_slots").value_or(""), "0");
  EXPECT_EQ(read_file(secret.log_file()).find("application_name=holdfast"), std::string::npos);
}

class SqliteFile : public testing::TestWithParam<std::string> {};

TEST_P(SqliteFile, ComesBackInPlaceAndBesideWithEveryPageAsItWas) {
  SmallFleet fleet;
  const std::string directory = fleet->path("files");
  files::create_directory(directory);
  const std::string file = directory + "/app.data";
  {
    auto app = SqliteConnection::open(file, SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("PRAGMA journal_mode=" + GetParam() +
                            "; CREATE TABLE t (id INTEGER PRIMARY KEY, word TEXT);"
                            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)"
                            " INSERT INTO t SELECT i, hex(randomblob(40)) FROM n; DELETE FROM t WHERE id % 7 = 0"),
                Succeeded());
  }  // closed: everything is in the file
  const std::string pages = read_file(file);
  ASSERT_GT(pages.size(), 100'000U);
  fleet.add_host("files-host", {directory});
  const std::string database = fleet.protected_database();
  ASSERT_FALSE(database.empty());
  EXPECT_EQ(read_file(file), pages) << "a backup changes nothing";

  const std::string beside = directory + "/copy.data";
  const auto copied = fleet.restore({database, "--target-directory", beside, "--latest"});
  ASSERT_EQ(copied.exit_code, 0) << copied.err;
  EXPECT_TRUE(read_file(beside) == pages);
  EXPECT_TRUE(read_file(file) == pages);

  // Overwritten, with the remains of a journal that must not be played into what comes back.
  write_file(file, "this is no database any more");
  write_file(file + (GetParam() == "wal" ? "-wal" : "-journal"), std::string(5000, 'x'));
  const auto restored = fleet.restore({database, "--latest"});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_TRUE(read_file(file) == pages);
  EXPECT_FALSE(files::exists(file + "-wal"));
  EXPECT_FALSE(files::exists(file + "-journal"));
  auto app = SqliteConnection::open(file, SqliteOpen::read_only, std::chrono::seconds(5)).value();
  auto check = app.prepare("PRAGMA integrity_check").value();
  ASSERT_TRUE(check.step().value());
  EXPECT_EQ(check.text(0), "ok");
}

INSTANTIATE_TEST_SUITE_P(InMode, SqliteFile, testing::Values("delete", "wal"),
                         [](const auto& parameter) { return parameter.param; });

}  // namespace
}  // namespace holdfast
