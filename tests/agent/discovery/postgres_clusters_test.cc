#include "agent/discovery/postgres_clusters.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "agent/discovery/cluster_name.h"
#include "shared/os/posix_file_system.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

struct NameCase {
  const char* directory;
  const char* name;
};
class ClusterNames : public testing::TestWithParam<NameCase> {};
TEST_P(ClusterNames, ComeFromTheDirectory) {
  EXPECT_EQ(cluster_name_of(GetParam().directory), GetParam().name);
}
INSTANTIATE_TEST_SUITE_P(Table, ClusterNames,
                         testing::Values(NameCase{"/srv/orders/data", "orders"}, NameCase{"/srv/orders", "orders"},
                                         NameCase{"/var/lib/postgresql/15/main", "main"},
                                         NameCase{"/var/lib/postgresql/15/billing", "billing"},
                                         NameCase{"/var/lib/pgsql/data", "data"}, NameCase{"/data", "data"}));

class ClusterSearch : public testing::Test {
 protected:
  std::vector<FoundPostgres> find(const PostgresSearch& search) {
    return find_postgres_clusters(search, files_, clock_, StopToken());
  }
  PosixFileSystem files_;
  SystemClock clock_;
};

TEST_F(ClusterSearch, FindsARunningClusterAndWhatItIs) {
  const auto cluster = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  const auto found = find({.within = {cluster.root()}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].data_directory, cluster.data_directory());
  EXPECT_FALSE(found[0].problem.has_value()) << found[0].problem->text();
  ASSERT_TRUE(found[0].endpoint.has_value());
  EXPECT_EQ(found[0].endpoint->port, cluster.port());
  EXPECT_EQ(found[0].endpoint->os_user.uid, cluster.owner().uid);
  EXPECT_TRUE(found[0].version.starts_with("15."));
  EXPECT_FALSE(found[0].in_recovery);
  EXPECT_EQ(found[0].control->page_checksums, PageChecksums::on);
  EXPECT_GT(found[0].size_bytes, 1'000'000U);
}

TEST_F(ClusterSearch, KnowsAStandby) {
  const auto primary = PostgresCluster::started().value();
  const auto standby = PostgresCluster::standby_of(primary).value();
  const auto found = find({.within = {standby.root()}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].in_recovery);
}

TEST_F(ClusterSearch, KnowsAConfiguredClusterThatIsStopped) {
  auto cluster = PostgresCluster::started().value();
  ASSERT_THAT(cluster.stop(), Succeeded());
  EXPECT_TRUE(find({.within = {cluster.root()}}).empty());
  const auto found = find({.within = {cluster.root()}, .directories = {cluster.data_directory()}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_FALSE(found[0].endpoint.has_value());
  EXPECT_EQ(found[0].problem.value().code, Code::unavailable);
  EXPECT_EQ(found[0].control.value().state, ClusterState::shut_down);
}

TEST_F(ClusterSearch, ListsAnExcludedClusterWithoutLookingAtIt) {
  const auto cluster = PostgresCluster::started().value();
  const auto before = cluster.sql("SELECT sum(numbackends) FROM pg_stat_database").value();
  const auto found = find({.within = {cluster.root()}, .excluded = {cluster.data_directory()}});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_TRUE(found[0].excluded);
  EXPECT_FALSE(found[0].control.has_value());
  EXPECT_FALSE(found[0].endpoint.has_value());
  EXPECT_EQ(cluster.sql("SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'holdfast%'").value(), "0")
      << before;
}

TEST_F(ClusterSearch, ADirectoryThatIsNoClusterIsAProblemNotAnAbsence) {
  const auto found = find({.within = {}, .directories = {"/no/such/cluster"}});
  const auto listed = std::ranges::find(found, "/no/such/cluster", &FoundPostgres::data_directory);
  ASSERT_NE(listed, found.end());
  EXPECT_EQ(listed->problem.value().code, Code::not_found);
}

TEST(Within, IsByWholeDirectories) {
  EXPECT_TRUE(is_within("/srv/a", {}));
  EXPECT_TRUE(is_within("/srv/a/b", {"/x", "/srv/a"}));
  EXPECT_FALSE(is_within("/srv/ab", {"/srv/a"}));
}

}  // namespace
}  // namespace holdfast
