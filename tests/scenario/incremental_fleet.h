#pragma once
// One PostgreSQL cluster with an agent, the backups made of it, and what each of them restores to.
#include <gtest/gtest.h>

#include <filesystem>

#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {

class IncrementalFleet : public testing::Test {
 protected:
  explicit IncrementalFleet(const PostgresCluster::Options& options = {.page_checksums = PageChecksums::on})
      : orders_(PostgresCluster::started(options).value()) {}

  void protect() {
    fleet_.add_host("orders-host", {orders_.data_directory()});
    database_ = fleet_.protected_database();
    ASSERT_FALSE(database_.empty()) << fleet_->logs();
  }
  void sql(const std::string& statement) const { EXPECT_THAT(orders_.sql(statement), Succeeded()) << statement; }
  std::string answer(const std::string& statement) const { return orders_.sql(statement).value_or("no answer"); }
  // The newest backup after it was ordered; null when that failed.
  nlohmann::json back_up(const std::string& type) {
    const auto done = fleet_->cli({"backup", "create", database_, "--type", type});
    EXPECT_EQ(done.exit_code, 0) << done.err << fleet_->logs();
    nlohmann::json newest;
    for (const auto& backup : fleet_.list("backup")) {
      if (newest.is_null() || backup["finishedAt"] > newest["finishedAt"]) newest = backup;
    }
    return newest;
  }
  static std::string reason(const nlohmann::json& backup) {
    return backup["reason"].is_string() ? backup["reason"].get<std::string>() : std::string();
  }
  static bool is_incremental(const nlohmann::json& backup) {
    return backup["type"] == "incremental" && reason(backup).empty();
  }
  static std::uint64_t stored(const nlohmann::json& backup) { return backup["storedBytes"].get<std::uint64_t>(); }

  // Restores this backup beside, starts it and compares what it answers with what the original said.
  void expect_restored(const nlohmann::json& backup, const std::string& question, const std::string& expected) {
    const std::string directory = orders_.root() + "/restored-" + std::to_string(++restores_);
    const auto restored = fleet_.restore(
        {database_, "--backup", backup["id"], "--immediate", "--target-directory", directory, "--no-start"});
    ASSERT_EQ(restored.exit_code, 0) << restored.err;
    auto copy = PostgresCluster::adopt(directory).value();
    ASSERT_THAT(copy.start(), Succeeded());
    ASSERT_THAT(copy.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    EXPECT_EQ(copy.sql(question).value_or("no answer"), expected);
    expect_sound(copy);
    std::filesystem::remove_all(directory);
  }

  // By the server's own tools; it is stopped afterwards.
  static void expect_sound(PostgresCluster& copy) {
    auto arguments = copy.connection_arguments();
    arguments.insert(arguments.end(), {"--all", "--install-missing", "--heapallindexed"});
    EXPECT_THAT(copy.run_program("pg_amcheck", arguments), Succeeded());
    EXPECT_THAT(copy.sql("CREATE EXTENSION IF NOT EXISTS pg_visibility; SELECT 1"), Succeeded());
    EXPECT_EQ(copy.sql("SELECT count(*) FROM pg_class c, pg_check_visible(c.oid) WHERE relkind IN ('r', 'm', 't')")
                  .value_or("no answer"),
              "0")
        << "the visibility map says more than the table";
    ASSERT_THAT(copy.stop(), Succeeded());
    EXPECT_THAT(copy.run_program("pg_checksums", {"--check", "-D", copy.data_directory()}), Succeeded());
  }

  PostgresCluster orders_;
  SmallFleet fleet_;
  std::string database_;
  int restores_ = 0;
};

}  // namespace holdfast
