// Every way to say where to go back to, each held to what the database itself remembers and to PostgreSQL's own tools;
// and what happens to a target that cannot be reached.
#include <gtest/gtest.h>

#include <filesystem>
#include <optional>
#include <sstream>

#include "shared/os/clock.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

const std::string all_rows = "0,1,2,3,4,5,6,7,8";

std::string rows_of(const PostgresCluster& cluster) {
  const auto rows = cluster.sql("SELECT string_agg(id::text, ',' ORDER BY id) FROM journal");
  EXPECT_THAT(rows, Succeeded());
  return rows.value_or("");
}

// Row 0 is from before the backup; then one row in each transaction, and what points at some of them.
class RestoreTargets : public testing::Test {
 protected:
  RestoreTargets() {
    sql("CREATE TABLE journal (id bigint PRIMARY KEY); INSERT INTO journal VALUES (0)");
    fleet_.add_host("orders-host", {orders_.data_directory()});
    database_ = fleet_.protected_database();
    EXPECT_FALSE(database_.empty());
    for (int id = 1; id <= 3; ++id) insert(id);
    after_third_ = clock_.now();
    insert(4);
    sql("SELECT pg_create_restore_point('after the fourth')");
    fifth_ = insert(5);
    sixth_ = insert(6);
    for (int id = 7; id <= 8; ++id) insert(id);
    sixth_commit_ = commit_of(sixth_);
    EXPECT_TRUE(fleet_.covered(database_, clock_.now()));
  }

  std::string sql(const std::string& statement) const {
    const auto answer = orders_.sql(statement);
    EXPECT_THAT(answer, Succeeded()) << statement;
    return answer.value_or("");
  }
  // The transaction's id.
  std::string insert(int id) const {
    return sql("INSERT INTO journal VALUES (" + std::to_string(id) + ") RETURNING xmin");
  }
  // Where pg_waldump sees the commit record of a transaction begin.
  std::string commit_of(const std::string& xid) const {
    const auto segment = sql("SELECT pg_walfile_name(pg_current_wal_lsn())");
    const auto dump = orders_.run_program(
        "pg_waldump", {"-r", "Transaction", "-x", xid, orders_.data_directory() + "/pg_wal/" + segment});
    // It ends with an error where the log ends.
    const std::string text = dump ? *dump : dump.error().message;
    const auto line = text.rfind("lsn: ", text.find("desc: COMMIT"));
    EXPECT_NE(line, std::string::npos) << text;
    return text.substr(line + 5, text.find(',', line) - line - 5);
  }
  std::string server_process() const {
    std::istringstream pid(read_file(orders_.data_directory() + "/postmaster.pid"));
    std::string line;
    std::getline(pid, line);
    return line;
  }
  // What lies beside the data directory, without the logs of servers.
  std::vector<std::string> neighbours() const {
    std::vector<std::string> names;
    for (const auto& entry : files::directory_iterator(orders_.root())) {
      if (entry.path().extension() != ".log") names.push_back(entry.path().filename().string());
    }
    std::ranges::sort(names);
    return names;
  }
  void expect_sound(PostgresCluster& cluster) const {
    auto arguments = cluster.connection_arguments();
    arguments.insert(arguments.end(), {"--all", "--install-missing", "--heapallindexed"});
    EXPECT_THAT(cluster.run_program("pg_amcheck", arguments), Succeeded());
    EXPECT_THAT(cluster.stop(), Succeeded());
    EXPECT_THAT(cluster.run_program("pg_checksums", {"--check", "-D", cluster.data_directory()}), Succeeded());
  }

  SystemClock clock_;
  PostgresCluster orders_ = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  SmallFleet fleet_;
  std::string database_;
  Timestamp after_third_;
  std::string fifth_;
  std::string sixth_;
  std::string sixth_commit_;
};

TEST_F(RestoreTargets, WhileACopyIsMadeTheLogOfTheOriginalIsStreamedOn) {
  const std::string stream = sql("SELECT pid FROM pg_stat_replication WHERE application_name LIKE 'holdfast%'");
  ASSERT_FALSE(stream.empty());
  const std::string directory = orders_.root() + "/copy";
  const auto restored = fleet_.restore({database_, "--target-directory", directory, "--no-start", "--latest"});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_EQ(sql("SELECT pid FROM pg_stat_replication WHERE application_name LIKE 'holdfast%'"), stream);
}

TEST_F(RestoreTargets, EachPutsAnotherDirectoryIntoExactlyThatState) {
  struct Case {
    std::string name;
    std::vector<std::string> options;
    std::string rows;
  };
  const std::vector<Case> cases{
      {"immediate", {"--immediate"}, "0"},
      {"time", {"--to-time", to_rfc3339(after_third_)}, "0,1,2,3"},
      {"name", {"--to-name", "after the fourth"}, "0,1,2,3,4"},
      {"xid", {"--to-xid", fifth_}, "0,1,2,3,4,5"},
      {"xid-exclusive", {"--to-xid", fifth_, "--exclusive"}, "0,1,2,3,4"},
      {"lsn", {"--to-lsn", sixth_commit_}, "0,1,2,3,4,5,6"},
      {"lsn-exclusive", {"--to-lsn", sixth_commit_, "--exclusive"}, "0,1,2,3,4,5"},
      {"latest", {"--latest"}, all_rows},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const std::string directory = orders_.root() + "/" + one.name;
    std::vector<std::string> arguments{database_, "--target-directory", directory, "--no-start"};
    arguments.insert(arguments.end(), one.options.begin(), one.options.end());
    const auto restored = fleet_.restore(arguments);
    ASSERT_EQ(restored.exit_code, 0) << restored.err;
    EXPECT_EQ(restored.json()["targets"][0]["state"], "complete");
    EXPECT_FALSE(files::exists(directory + "/postmaster.pid")) << "it was not to be started";

    auto copy = PostgresCluster::adopt(directory).value();
    ASSERT_THAT(copy.start(), Succeeded());
    ASSERT_THAT(copy.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    EXPECT_EQ(rows_of(copy), one.rows);
    if (one.name == "latest") {
      const auto dump = [](const PostgresCluster& cluster) {
        std::istringstream text(cluster.run_program("pg_dumpall", cluster.connection_arguments()).value());
        std::string out;
        for (std::string line; std::getline(text, line);) {
          // A new random word in each dump.
          if (!line.starts_with("\\restrict") && !line.starts_with("\\unrestrict")) out += line + "\n";
        }
        return out;
      };
      EXPECT_EQ(dump(copy), dump(orders_));
    }
    expect_sound(copy);
  }
  EXPECT_EQ(rows_of(orders_), all_rows) << "the original is not touched by its copies";
}

TEST_F(RestoreTargets, ACopyIsStartedWhereTheOriginalIsDown) {
  ASSERT_THAT(orders_.stop(), Succeeded());
  const std::string directory = orders_.root() + "/copy";
  const auto restored = fleet_.restore({database_, "--target-directory", directory, "--to-xid", fifth_});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  ASSERT_TRUE(files::exists(directory + "/postmaster.pid"));
  // It has the original's port and socket.
  EXPECT_EQ(rows_of(orders_), "0,1,2,3,4,5");
  EXPECT_EQ(sql("SHOW data_directory"), directory);
  EXPECT_EQ(sql("SHOW archive_mode"), "off");
  auto copy = PostgresCluster::adopt(directory).value();
  EXPECT_THAT(copy.stop(), Succeeded());
}

TEST_F(RestoreTargets, ACopyBesideARunningOriginalWithItsPortFailsAndLeavesNothing) {
  const std::string server = server_process();
  const auto before = neighbours();
  const auto restored = fleet_.restore({database_, "--target-directory", orders_.root() + "/copy", "--latest"});
  EXPECT_EQ(restored.exit_code, 1);
  EXPECT_NE(restored.err.find("lock file"), std::string::npos) << restored.err;
  EXPECT_EQ(neighbours(), before);
  EXPECT_EQ(server_process(), server);
  EXPECT_EQ(rows_of(orders_), all_rows);
}

TEST_F(RestoreTargets, InPlaceTheOldDirectoryIsKeptUntilItIsPutBackOrFinalized) {
  const auto before = neighbours();
  const auto run = [&] {
    auto restored = fleet_.restore({database_, "--to-lsn", sixth_commit_, "--exclusive"});
    EXPECT_EQ(restored.exit_code, 0) << restored.err;
    EXPECT_EQ(rows_of(orders_), "0,1,2,3,4,5");
    return restored.exit_code == 0 ? restored.json() : nlohmann::json();
  };
  const auto first = run();
  ASSERT_FALSE(first.is_null());
  const std::string aside = first["targets"][0]["aside"];
  EXPECT_TRUE(files::exists(aside + "/PG_VERSION"));

  const auto rolled_back = fleet_->cli({"restore", "rollback", first["id"], "--yes"});
  ASSERT_EQ(rolled_back.exit_code, 0) << rolled_back.err;
  ASSERT_THAT(orders_.wait_for("SELECT count(*) FROM journal", "9"), Succeeded());
  EXPECT_EQ(rows_of(orders_), all_rows);
  EXPECT_FALSE(files::exists(aside));
  EXPECT_NE(fleet_->cli({"restore", "rollback", first["id"], "--yes"}).exit_code, 0) << "there is nothing to put back";

  // What is committed after the rollback is protected too.
  sql("INSERT INTO journal VALUES (9)");
  EXPECT_TRUE(fleet_.covered(database_, clock_.now()));
  EXPECT_EQ(fleet_->query({"status"})["alerts"].dump().find("gap"), std::string::npos);
  for (const auto& job : fleet_.list("job")) EXPECT_NE(job.value("origin", ""), "log was lost") << job;

  const auto second = run();
  ASSERT_FALSE(second.is_null());
  const std::string kept = second["targets"][0]["aside"];
  EXPECT_TRUE(files::exists(kept));
  const auto finalized = fleet_->cli({"restore", "finalize", second["id"], "--yes"});
  ASSERT_EQ(finalized.exit_code, 0) << finalized.err;
  EXPECT_FALSE(files::exists(kept));
  EXPECT_NE(fleet_->cli({"restore", "rollback", second["id"], "--yes"}).exit_code, 0);
  EXPECT_EQ(rows_of(orders_), "0,1,2,3,4,5");
  EXPECT_EQ(neighbours(), before) << "nothing is left behind";
  expect_sound(orders_);
}

TEST_F(RestoreTargets, OutsideTheWindowTheNearestPointIsNamedAndNothingIsTouched) {
  const auto windows = fleet_.list("window", {database_});
  const std::string from = windows[0]["from"];
  const std::string server = server_process();
  const auto before = neighbours();
  struct Case {
    std::vector<std::string> options;
    std::string nearest;
  };
  const std::vector<Case> cases{
      {{"--to-time", to_rfc3339(*parse_time(from) - std::chrono::hours(1))}, from},
      {{"--to-time", to_rfc3339(clock_.now() + std::chrono::hours(1))}, "the nearest possible point is 20"},
      {{"--to-lsn", "0/1000"}, "the nearest possible point is 0/"},
      {{"--to-lsn", "FF/0"}, "the nearest possible point is 0/"},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.options[1]);
    std::vector<std::string> arguments{database_};
    arguments.insert(arguments.end(), one.options.begin(), one.options.end());
    const auto refused = fleet_.restore(arguments);
    EXPECT_EQ(refused.exit_code, 7) << refused.err;
    EXPECT_NE(refused.err.find(one.nearest), std::string::npos) << refused.err;
    EXPECT_TRUE(refused.out.empty()) << refused.out;
  }
  EXPECT_EQ(server_process(), server) << "the server was not even restarted";
  EXPECT_EQ(neighbours(), before);
  EXPECT_TRUE(fleet_.list("restore").empty());
}

// Whether a transaction or a name lies behind the backup shows only when the log is replayed.
TEST_F(RestoreTargets, ATargetThatTheLogDoesNotHoldPutsTheOldDirectoryBack) {
  const auto before = neighbours();
  for (const auto& [option, value] : {std::pair{"--to-name", "never made"}, std::pair{"--to-xid", "4000000"}}) {
    SCOPED_TRACE(option);
    const auto refused = fleet_.restore({database_, option, value});
    EXPECT_EQ(refused.exit_code, 7) << refused.err;
    EXPECT_NE(refused.err.find("without the target"), std::string::npos) << refused.err;
    ASSERT_THAT(orders_.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    EXPECT_EQ(rows_of(orders_), all_rows);
    EXPECT_EQ(neighbours(), before);
  }
  // It is protected as before.
  sql("INSERT INTO journal VALUES (9)");
  EXPECT_TRUE(fleet_.covered(database_, clock_.now()));
}

}  // namespace
}  // namespace holdfast
