// A restore that fetches only what differs, on a file system without reflinks: what was damaged comes back, little is
// fetched for it, and since there is no way back nobody is told that there were one.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "shared/os/clock.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class DeltaRestore : public testing::Test {
 protected:
  DeltaRestore() {
    sql("CREATE TABLE ledger AS SELECT g AS id, repeat(md5(g::text), 6) AS t FROM generate_series(1, 150000) g;"
        "ALTER TABLE ledger ADD PRIMARY KEY (id);"
        "CREATE TABLE accounts AS SELECT g AS id FROM generate_series(1, 1000) g;"
        "CREATE TABLE untouched AS SELECT g AS id, repeat(md5(g::text), 6) AS t FROM generate_series(1, 150000) g");
    fleet_.add_host("orders-host", {orders_.root()});
    database_ = fleet_.protected_database();
    EXPECT_FALSE(database_.empty());
    sql("INSERT INTO accounts VALUES (1001)");
    before_the_mistake_ = clock_.now();
    sql("DELETE FROM accounts");
    EXPECT_TRUE(fleet_.covered(database_, clock_.now()));
  }

  std::string sql(const std::string& statement) const {
    const auto answer = orders_.sql(statement);
    EXPECT_THAT(answer, Succeeded()) << statement;
    return answer.value_or("");
  }
  std::string file_of(const std::string& relation) const {
    return orders_.data_directory() + "/" + sql("SELECT pg_relation_filepath('" + relation + "')");
  }
  static void damage(const std::string& path, int page) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(page * 8192 + 100);
    file << "these bytes are of no page";
    EXPECT_TRUE(file.good()) << path;
  }
  void damage_the_cluster() {
    const std::vector<std::string> damaged{file_of("ledger"), file_of("ledger_pkey"), file_of("pg_class")};
    const std::string lost = file_of("accounts");
    ASSERT_THAT(orders_.stop(), Succeeded());
    for (const auto& path : damaged) damage(path, 1);
    damage(damaged[0], 700);
    ASSERT_TRUE(files::remove(lost));
    ASSERT_FALSE(orders_.run_program("pg_checksums", {"--check", "-D", orders_.data_directory()}));
  }
  void expect_sound() {
    EXPECT_EQ(sql("SELECT count(*), max(id) FROM accounts"), "1001|1001");
    EXPECT_EQ(sql("SELECT count(t) FROM ledger"), "150000");
    auto arguments = orders_.connection_arguments();
    arguments.insert(arguments.end(), {"--all", "--install-missing", "--heapallindexed"});
    EXPECT_THAT(orders_.run_program("pg_amcheck", arguments), Succeeded());
    EXPECT_THAT(orders_.stop(), Succeeded());
    EXPECT_THAT(orders_.run_program("pg_checksums", {"--check", "-D", orders_.data_directory()}), Succeeded());
    EXPECT_THAT(orders_.start(), Succeeded());
  }
  CliResult restore(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), {database_, "--delta"});
    return fleet_.restore(std::move(arguments));
  }

  SystemClock clock_;
  PostgresCluster orders_ = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  SmallFleet fleet_;
  std::string database_;
  Timestamp before_the_mistake_;
};

TEST_F(DeltaRestore, BringsDamagedAndLostFilesBackAndFetchesLittle) {
  damage_the_cluster();
  const auto planned =
      fleet_->cli({"restore", "plan", database_, "--delta", "--to-time", to_rfc3339(before_the_mistake_)});
  ASSERT_EQ(planned.exit_code, 0) << planned.err;
  EXPECT_NE(planned.err.find("no way back"), std::string::npos) << planned.err;

  const auto restored = restore({"--to-time", to_rfc3339(before_the_mistake_)});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_NE(restored.err.find("cannot be rolled back"), std::string::npos) << restored.err;
  const auto report = restored.json();
  const auto& target = report["targets"][0];
  EXPECT_EQ(target["state"], "complete");
  EXPECT_EQ(target["method"], "delta");
  EXPECT_EQ(target["wayBack"], false);
  EXPECT_TRUE(target["aside"].is_null()) << target;
  EXPECT_GT(target["fetchedBytes"], 0);
  EXPECT_LT(target["fetchedBytes"].get<std::uint64_t>(), target["bytes"].get<std::uint64_t>() / 3) << target;
  expect_sound();

  const auto described = fleet_->cli({"restore", "describe", report["id"]});
  EXPECT_NE(described.out.find("no way back"), std::string::npos) << described.out;
  const auto rolled_back = fleet_->cli({"restore", "rollback", report["id"], "--yes"});
  EXPECT_EQ(rolled_back.exit_code, 6) << rolled_back.err;
  EXPECT_NE(rolled_back.err.find("there is no way back"), std::string::npos) << rolled_back.err;
  EXPECT_EQ(sql("SELECT count(*) FROM accounts"), "1001");

  // The log that the server had when it was stopped is kept until somebody says that it can go.
  const std::string leftovers = target["leftovers"];
  EXPECT_TRUE(files::exists(leftovers + "/pg_wal"));
  const auto finalized = fleet_->cli({"restore", "finalize", report["id"], "--yes"});
  EXPECT_EQ(finalized.exit_code, 0) << finalized.err;
  EXPECT_FALSE(files::exists(leftovers));

  sql("INSERT INTO accounts VALUES (1002)");
  EXPECT_TRUE(fleet_.covered(database_, clock_.now())) << "it is protected as before";
}

TEST_F(DeltaRestore, ThatFailsLeavesNoServerAndIsRunAgain) {
  const std::string mark = orders_.data_directory() + "/holdfast-restore-incomplete";
  const auto failed = restore({"--to-name", "never made"});
  EXPECT_EQ(failed.exit_code, 7) << failed.err;
  EXPECT_NE(failed.err.find("overwritten in part"), std::string::npos) << failed.err;
  EXPECT_NE(failed.err.find("run the restore again"), std::string::npos) << failed.err;
  EXPECT_TRUE(files::exists(mark));
  EXPECT_FALSE(files::exists(orders_.data_directory() + "/global/pg_control"));
  EXPECT_FALSE(orders_.start()) << "half of it is of another moment";

  const auto again = restore({"--to-time", to_rfc3339(before_the_mistake_)});
  ASSERT_EQ(again.exit_code, 0) << again.err;
  EXPECT_FALSE(files::exists(mark));
  expect_sound();
}

}  // namespace
}  // namespace holdfast
