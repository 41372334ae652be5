#include "tests/harness/postgres_cluster.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

// Whether the host has a System V segment with this id (proc(5), sysvipc/shm: the second column).
bool host_has_segment(int id) {
  std::ifstream table("/proc/sysvipc/shm");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream columns(line);
    long key = 0;
    int listed = 0;
    if (columns >> key >> listed && listed == id) return true;
  }
  return false;
}

int segment_of(const PostgresCluster& cluster) {
  std::ifstream file(cluster.data_directory() + "/postmaster.pid");
  std::string line;
  for (int number = 1; number < 7; ++number) std::getline(file, line);
  unsigned long key = 0;
  int id = -1;
  file >> key >> id;
  return id;
}

// A host has 4,096 segments. A test run ends more servers than that, some weeks.
TEST(ThrowAwayCluster, LeavesNoSegmentOfSharedMemoryBehind) {
  int segment = -1;
  {
    const auto cluster = PostgresCluster::started();
    ASSERT_THAT(cluster, Succeeded());
    segment = segment_of(*cluster);
    ASSERT_TRUE(host_has_segment(segment)) << segment;
  }
  EXPECT_FALSE(host_has_segment(segment)) << segment;
}

TEST(ThrowAwayCluster, ThatWasKilledStartsAgain) {
  auto cluster = PostgresCluster::started();
  ASSERT_THAT(cluster, Succeeded());
  ASSERT_THAT(cluster->sql("CREATE TABLE kept AS SELECT 7 AS value"), Succeeded());
  ASSERT_THAT(cluster->kill_hard(), Succeeded());
  ASSERT_THAT(cluster->start(), Succeeded());
  EXPECT_EQ(cluster->sql("SELECT value FROM kept").value(), "7");
}

}  // namespace
}  // namespace holdfast
