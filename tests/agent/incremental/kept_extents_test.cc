#include "agent/incremental/kept_extents.h"

#include <gmock/gmock.h>

#include <map>
#include <random>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint32_t page = 8192;

TEST(KeptExtents, AreAllOfThemWhenNothingIsRead) {
  const std::vector<Extent> extents{{0, 10, 3, 0}, {12, 4, 4, 100}};
  EXPECT_EQ(keep_extents(extents, {}, 16, page), extents);
}

TEST(KeptExtents, EndWhereTheFileEnds) {
  EXPECT_THAT(keep_extents({{0, 10, 3, 0}, {12, 4, 4, 0}}, {}, 7, page), ElementsAre(Extent{0, 7, 3, 0}));
  EXPECT_THAT(keep_extents({{0, 10, 3, 0}}, {}, 0, page), IsEmpty());
}

TEST(KeptExtents, HaveHolesWherePagesAreRead) {
  EXPECT_THAT(keep_extents({{0, 10, 3, 50}}, {{0, 1}, {4, 2}, {9, 5}}, 20, page),
              ElementsAre(Extent{1, 3, 3, 50 + page}, Extent{6, 3, 3, 50 + 6 * page}));
  EXPECT_THAT(keep_extents({{0, 4, 3, 0}, {4, 4, 8, 0}}, {{2, 4}}, 20, page),
              ElementsAre(Extent{0, 2, 3, 0}, Extent{6, 2, 8, 2 * page}));
  EXPECT_THAT(keep_extents({{2, 4, 3, 0}}, {{0, 20}}, 20, page), IsEmpty());
}

// Against a map from page to where it lies.
TEST(KeptExtents, NameForEachPageWhatTheParentNamed) {
  std::mt19937 random(7);
  const auto up_to = [&random](std::uint32_t most) {
    return std::uniform_int_distribution<std::uint32_t>(0, most)(random);
  };
  for (int round = 0; round < 2000; ++round) {
    std::vector<Extent> extents;
    std::uint64_t at = 0;
    for (std::uint32_t i = up_to(6); i > 0; --i) {
      at += up_to(3);
      extents.push_back({at, up_to(5) + 1, up_to(100), up_to(3) * 10});
      at += extents.back().pages;
    }
    std::vector<PageRange> read;
    std::uint64_t from = 0;
    for (std::uint32_t i = up_to(4); i > 0; --i) {
      from += up_to(4) + (read.empty() ? 0 : 1);
      read.push_back({from, up_to(3) + 1});
      from += read.back().count;
    }
    const std::uint64_t pages = up_to(30);
    std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> expected;
    for (const Extent& extent : extents) {
      for (std::uint32_t i = 0; i < extent.pages; ++i) {
        expected[extent.first_page + i] = {extent.frame, extent.offset + i * page};
      }
    }
    for (const PageRange& range : read) {
      for (std::uint64_t i = 0; i < range.count; ++i) expected.erase(range.first + i);
    }
    expected.erase(expected.lower_bound(pages), expected.end());
    std::map<std::uint64_t, std::pair<std::uint32_t, std::uint32_t>> found;
    std::uint64_t end = 0;
    for (const Extent& extent : keep_extents(extents, read, pages, page)) {
      ASSERT_GE(extent.first_page, end) << "ordered, not overlapping";
      ASSERT_GT(extent.pages, 0U);
      end = extent.first_page + extent.pages;
      for (std::uint32_t i = 0; i < extent.pages; ++i) {
        found[extent.first_page + i] = {extent.frame, extent.offset + i * page};
      }
    }
    ASSERT_EQ(found, expected) << "round " << round;
  }
}

}  // namespace
}  // namespace holdfast
