// The product's one story: hosts enrol with a token, are protected without a further word, lose everything, and one
// command brings all of it back to a moment.
#include <gtest/gtest.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/acknowledged_writes.h"
#include "tests/harness/fleet.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

class OneFleet : public testing::Test {
 protected:
  OneFleet() {
    fleet_.start_coordinator();
    fleet_.ship_log_every_second();
    EXPECT_EQ(fleet_.cli({"store", "add", "local", "posix", "--path", fleet_.store()}).exit_code, 0);
    token_ = fleet_.new_token({"--label", "fleet=demo", "--uses", "5"});
  }
  void add_host(const std::string& name, const std::string& directory) {
    fleet_.add_agent(name, {directory});
    fleet_.start_agent(name, token_);
  }
  static AcknowledgedWrites::InsertRow rows_into(const PostgresCluster& cluster) {
    return [&cluster](std::int64_t id) {
      return cluster.sql("INSERT INTO journal VALUES (" + std::to_string(id) + ")").has_value();
    };
  }
  static std::set<std::int64_t> rows_of(const PostgresCluster& cluster) {
    const auto text = cluster.sql("SELECT id FROM journal");
    EXPECT_THAT(text, Succeeded());
    std::set<std::int64_t> ids;
    std::istringstream lines(text.value_or(""));
    for (std::int64_t id = 0; lines >> id;) ids.insert(id);
    return ids;
  }
  // Until everything committed before this moment is restorable.
  bool covered(const std::string& database, Timestamp moment) {
    return Fleet::eventually([&] {
      const auto windows =
          fleet_.cli({"window", "list", database, "-o", "json"}).json().value("items", nlohmann::json::array());
      if (windows.empty() || !windows[0]["to"].is_string()) return false;
      const auto to = parse_time(windows[0]["to"].get<std::string>());
      return to.has_value() && *to >= moment;
    });
  }

  Fleet fleet_;
  SystemClock clock_;
  std::string token_;
};

void expect_rows(const std::set<std::int64_t>& found, const AcknowledgedWrites& writes, Timestamp moment) {
  const auto expected = writes.before(moment);
  EXPECT_GT(expected.size(), 5U);
  for (const auto id : expected) EXPECT_TRUE(found.contains(id)) << "acknowledged row " << id << " is lost";
  for (const auto id : writes.after(moment))
    EXPECT_FALSE(found.contains(id)) << "row " << id << " is from after the moment";
}

TEST_F(OneFleet, BringsPostgresBackToTheMomentBeforeATableWasDropped) {
  auto orders = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  ASSERT_THAT(orders.sql("CREATE TABLE journal (id bigint PRIMARY KEY)"), Succeeded());
  add_host("orders-host", orders.root());
  ASSERT_FALSE(fleet_.wait_for_backup().is_null());
  const std::string database = fleet_.query({"database", "list"})["items"][0]["name"];

  AcknowledgedWrites writes(rows_into(orders));
  ASSERT_TRUE(Fleet::eventually([&] { return writes.count() > 40; }));
  const Timestamp moment = clock_.now();
  ASSERT_TRUE(Fleet::eventually([&] { return writes.after(moment).size() > 10; }));
  writes.stop();
  ASSERT_THAT(orders.sql("DROP TABLE journal"), Succeeded());
  ASSERT_TRUE(covered(database, moment));

  const auto restored = fleet_.cli({"restore", "run", "-l", "fleet=demo", "--to-time", to_rfc3339(moment), "--yes",
                                    "-o", "json", "--recovery-key", fleet_.recovery_key()});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  expect_rows(rows_of(orders), writes, moment);
  EXPECT_EQ(orders.sql("SELECT pg_is_in_recovery()").value(), "f");
  // It goes on being protected, on its new timeline.
  const auto again = clock_.now();
  EXPECT_TRUE(covered(database, again));
}

TEST_F(OneFleet, BringsBackADataDirectoryThatIsGone) {
  auto events = PostgresCluster::started().value();
  ASSERT_THAT(events.sql("CREATE TABLE journal (id bigint PRIMARY KEY)"), Succeeded());
  add_host("events-host", events.root());
  ASSERT_FALSE(fleet_.wait_for_backup().is_null());
  const std::string database = fleet_.query({"database", "list"})["items"][0]["name"];

  AcknowledgedWrites writes(rows_into(events));
  ASSERT_TRUE(Fleet::eventually([&] { return writes.count() > 40; }));
  writes.stop();
  const Timestamp moment = clock_.now();
  ASSERT_TRUE(covered(database, moment));
  ASSERT_THAT(events.kill_hard(), Succeeded());
  std::filesystem::remove_all(events.data_directory());

  const auto restored = fleet_.cli({"restore", "run", "-l", "fleet=demo", "--to-time", to_rfc3339(moment), "--yes",
                                    "--recovery-key", fleet_.recovery_key()});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  expect_rows(rows_of(events), writes, moment);
}

TEST_F(OneFleet, BringsASqliteFileBackThatWasOverwritten) {
  const std::string directory = fleet_.path("files");
  std::filesystem::create_directory(directory);
  const std::string file = directory + "/app.data";
  {
    auto app = SqliteConnection::open(file, SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(
        app.execute("PRAGMA journal_mode=WAL; CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)"),
        Succeeded());
  }
  add_host("files-host", directory);
  const auto backup = fleet_.wait_for_backup();
  ASSERT_FALSE(backup.is_null());
  std::filesystem::resize_file(file, 0);

  const auto restored = fleet_.cli({"restore", "run", "-l", "fleet=demo", "--to-time", to_rfc3339(clock_.now()),
                                    "--yes", "--recovery-key", fleet_.recovery_key()});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  auto again = SqliteConnection::open(file, SqliteOpen::read_only, std::chrono::seconds(5)).value();
  auto check = again.prepare("PRAGMA integrity_check").value();
  ASSERT_TRUE(check.step().value());
  EXPECT_EQ(check.text(0), "ok");
  auto count = again.prepare("SELECT count(*) FROM t").value();
  ASSERT_TRUE(count.step().value());
  EXPECT_EQ(count.integer(0), 2);
}

}  // namespace
}  // namespace holdfast
