// The whole road with each major version of PostgreSQL that is supported and installed: enrol, back up, ship, lose,
// restore in place and beside. Versions differ in names of functions, in pg_control, in settings of recovery.
#include <gtest/gtest.h>

#include <filesystem>

#include "shared/os/clock.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class EveryPostgres : public testing::TestWithParam<int> {};

const char* const all_rows =
    "SELECT count(*) || ' ' || coalesce(sum(id), 0) || ' ' || md5(string_agg(word, '' ORDER BY id)) FROM journal";

TEST_P(EveryPostgres, IsBackedUpShippedAndRestoredToAMoment) {
  if (!PostgresCluster::is_installed(GetParam())) {
    GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed; tests/install-postgres brings it";
  }
  SystemClock clock;
  PostgresCluster orders =
      PostgresCluster::started({.major_version = GetParam(), .page_checksums = PageChecksums::on}).value();
  const auto sql = [&orders](const std::string& statement) {
    const auto answer = orders.sql(statement);
    EXPECT_THAT(answer, Succeeded()) << statement;
    return answer.value_or("");
  };
  sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 20000) g");
  SmallFleet fleet;
  fleet.add_host("orders-host", {orders.data_directory()});
  const std::string database = fleet.protected_database();
  ASSERT_FALSE(database.empty()) << fleet->logs();
  EXPECT_TRUE(fleet.list("database")[0]["version"].get<std::string>().starts_with(std::to_string(GetParam())));

  sql("INSERT INTO journal SELECT g, md5(g::text) FROM generate_series(20001, 30000) g");
  sql("UPDATE journal SET word = 'changed' WHERE id % 7 = 0");
  // What an earlier backup has is not read again, and a full one proves that nothing of it would have been missed.
  const auto take = [&](const std::string& type) {
    const auto taken = fleet->cli({"backup", "create", database, "--type", type, "-o", "json"});
    EXPECT_EQ(taken.exit_code, 0) << taken.err << fleet->logs();
    return nlohmann::json::parse(taken.out)["items"][0];
  };
  sql("VACUUM FREEZE journal");  // later no hint bits are left to be set, of which each is a change of its page
  ASSERT_TRUE(fleet.covered(database, clock.now()));
  const auto incremental = take("incremental");
  EXPECT_EQ(incremental["type"], "incremental") << incremental;
  EXPECT_TRUE(incremental["reason"].is_null()) << incremental;
  sql("DELETE FROM journal WHERE id < 1000");
  sql("CHECKPOINT");
  const auto proof = take("full");
  EXPECT_GT(proof["crossCheckedPages"].get<int>(), 0) << proof << fleet->logs();
  EXPECT_EQ(proof["missedPages"], 0) << proof << fleet->logs();
  sql("INSERT INTO journal SELECT g, md5(g::text) FROM generate_series(30001, 31000) g");
  EXPECT_EQ(take("incremental")["type"], "incremental");
  const std::string rows = sql(all_rows);
  const Timestamp moment = clock.now();
  sql("DROP TABLE journal");
  ASSERT_TRUE(fleet.covered(database, clock.now()));

  const auto backup = fleet.list("backup")[0]["id"].get<std::string>();
  const auto verified = fleet->cli({"backup", "verify", backup, "--recovery-key", fleet->recovery_key()});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;

  const auto restored = fleet.restore({database, "--to-time", to_rfc3339(moment)});
  ASSERT_EQ(restored.exit_code, 0) << restored.err << fleet->logs();
  EXPECT_EQ(sql(all_rows), rows);

  // It is protected as before, on its new timeline.
  sql("INSERT INTO journal VALUES (0, 'after')");
  const std::string later = sql(all_rows);
  ASSERT_TRUE(fleet.covered(database, clock.now()));
  const std::string directory = orders.root() + "/beside";
  const auto beside = fleet.restore({database, "--latest", "--target-directory", directory, "--no-start"});
  ASSERT_EQ(beside.exit_code, 0) << beside.err;
  PostgresCluster copy = PostgresCluster::adopt(directory).value();
  ASSERT_THAT(copy.start(), Succeeded());
  ASSERT_THAT(copy.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
  EXPECT_EQ(copy.sql(all_rows).value_or(""), later);
  // Reads every page of every table, and the server checks each one's checksum.
  EXPECT_THAT(copy.sql("VACUUM (FREEZE, DISABLE_PAGE_SKIPPING)"), Succeeded());
}

INSTANTIATE_TEST_SUITE_P(Major, EveryPostgres, testing::Values(13, 14, 15, 16, 17, 18),
                         [](const auto& parameter) { return std::to_string(parameter.param); });

}  // namespace
}  // namespace holdfast
