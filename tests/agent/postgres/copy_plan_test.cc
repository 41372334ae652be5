#include "agent/postgres/copy_plan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace holdfast {
namespace {

DataFile file(std::string path, std::uint64_t size) {
  DataFile entry;
  entry.path = std::move(path);
  entry.size = size;
  return entry;
}

TEST(CopyPlan, CutsBigFilesAndBundlesSmallOnes) {
  DataFile directory;
  directory.path = "base";
  directory.kind = FileKind::directory;
  const std::vector<DataFile> entries = {directory,      file("a", 10), file("b", 0),  file("big", 250), file("c", 30),
                                         file("pg", 20), file("d", 70), file("e", 99), file("wide", 100)};
  auto units = plan_copy(entries, "pg", {.span = 100, .bundle = 100});
  std::ranges::sort(units, {}, [](const CopyUnit& unit) { return std::tuple(unit[0].entry, unit[0].offset); });
  const std::vector<CopyUnit> expected = {
      {{1, 0, 10}, {4, 0, 30}},
      {{3, 0, 100}},
      {{3, 100, 100}},
      {{3, 200, 50}},
      {{6, 0, 70}},
      {{7, 0, 99}},
      {{8, 0, 100}},
  };
  EXPECT_EQ(units, expected);
}

TEST(CopyPlan, OfNothingIsEmpty) {
  EXPECT_TRUE(plan_copy({}, "x", {}).empty());
}

}  // namespace
}  // namespace holdfast
