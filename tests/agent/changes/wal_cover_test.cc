#include "agent/changes/wal_cover.h"

#include <gmock/gmock.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

ChangeInterval interval(std::uint32_t timeline, std::uint64_t from, std::uint64_t to) {
  return {Timeline(timeline), Lsn(from), Lsn(to)};
}
WalPlace place(std::uint32_t timeline, std::uint64_t lsn) {
  return {Timeline(timeline), Lsn(lsn)};
}
// 1 was left at 0x1000, 3 at 0x2000; 5 is the newest.
TimelineHistory history() {
  return TimelineHistory::parse(Timeline(5), "1\t0/1000\tx\n3\t0/2000\ty\n").value();
}

using Way = std::vector<std::pair<ChangeInterval, std::vector<ChangeInterval>>>;

Way way(const Result<std::vector<CoveredStretch>>& covered) {
  Way out;
  for (const auto& stretch : covered.value()) out.emplace_back(stretch.stretch, stretch.intervals);
  return out;
}

TEST(WalCover, OfOneTimelineIsWhatTouchesTheStretch) {
  const std::vector<ChangeInterval> known = {interval(1, 0, 100), interval(1, 100, 200), interval(1, 200, 300),
                                             interval(1, 300, 400)};
  EXPECT_EQ(way(cover(known, TimelineHistory(), place(1, 150), place(1, 300))),
            (Way{{interval(1, 150, 300), {known[1], known[2]}}}));
}

TEST(WalCover, TakesOverlappingIntervals) {
  const std::vector<ChangeInterval> known = {interval(1, 0, 150), interval(1, 100, 120), interval(1, 140, 300)};
  EXPECT_EQ(way(cover(known, TimelineHistory(), place(1, 110), place(1, 300)))[0].second, known);
}

TEST(WalCover, NamesTheGap) {
  const std::vector<ChangeInterval> known = {interval(1, 0x10, 0x20), interval(1, 0x30, 0x40)};
  const TimelineHistory first;
  EXPECT_THAT(cover(known, first, place(1, 0x10), place(1, 0x40)),
              FailedWith(Code::not_found, "what changed from 0/20 to 0/30 on timeline 1 is not known"));
  EXPECT_THAT(cover(known, first, place(1, 0x8), place(1, 0x18)), FailedWith(Code::not_found, "from 0/8 to 0/10"));
  EXPECT_THAT(cover(known, first, place(1, 0x38), place(1, 0x41)), FailedWith(Code::not_found, "from 0/40 to 0/41"));
  EXPECT_THAT(cover({}, first, place(1, 0x38), place(1, 0x41)), FailedWith(Code::not_found, "from 0/38 to 0/41"));
}

TEST(WalCover, OfNothingNeedsNothing) {
  EXPECT_EQ(way(cover({}, TimelineHistory(), place(1, 77), place(1, 77))), Way());
}

TEST(WalCover, FollowsTheHistoryOverTimelines) {
  const std::vector<ChangeInterval> known = {interval(1, 0x800, 0x1000), interval(3, 0x1000, 0x2000),
                                             interval(5, 0x2000, 0x3000)};
  EXPECT_EQ(way(cover(known, history(), place(1, 0x900), place(5, 0x2800))),
            (Way{{interval(1, 0x900, 0x1000), {known[0]}},
                 {interval(3, 0x1000, 0x2000), {known[1]}},
                 {interval(5, 0x2000, 0x2800), {known[2]}}}));
  EXPECT_EQ(way(cover(known, history(), place(1, 0x900), place(3, 0x1800))),
            (Way{{interval(1, 0x900, 0x1000), {known[0]}}, {interval(3, 0x1000, 0x1800), {known[1]}}}));
  EXPECT_EQ(way(cover(known, history(), place(1, 0x1000), place(5, 0x2000))),
            (Way{{interval(3, 0x1000, 0x2000), {known[1]}}}));
}

// A new timeline's first segment begins with the end of the old one's.
TEST(WalCover, TakesAYoungerTimelineForWhatItShares) {
  const std::vector<ChangeInterval> known = {interval(1, 0x800, 0xF00), interval(3, 0xE00, 0x3000)};
  EXPECT_EQ(way(cover(known, history(), place(1, 0x900), place(3, 0x1800))),
            (Way{{interval(1, 0x900, 0x1000), known}, {interval(3, 0x1000, 0x1800), {known[1]}}}));
}

TEST(WalCover, DoesNotTakeWhatAnAbandonedTimelineWentOnTo) {
  const std::vector<ChangeInterval> known = {interval(1, 0x800, 0x3000), interval(4, 0x1000, 0x3000)};
  EXPECT_THAT(cover(known, history(), place(1, 0x900), place(5, 0x1800)), FailedWith(Code::not_found));
  EXPECT_THAT(cover(known, history(), place(1, 0x900), place(3, 0x1800)),
              FailedWith(Code::not_found, "from 0/1000 to 0/1800 on timeline 3"));
}

TEST(WalCover, RefusesPlacesOutsideTheHistory) {
  const std::vector<ChangeInterval> known = {interval(1, 0, 0x9000), interval(5, 0, 0x9000)};
  for (const WalPlace& outside : {place(2, 0x900), place(1, 0x1001), place(7, 0x2900)}) {
    EXPECT_THAT(cover(known, history(), outside, place(5, 0x3000)),
                FailedWith(Code::not_found, "is not in the history of timeline 5"));
  }
  EXPECT_THAT(cover(known, history(), place(1, 0x900), place(1, 0x1001)), FailedWith(Code::not_found));
}

TEST(WalCover, RefusesToGoBackwards) {
  EXPECT_THAT(cover({}, history(), place(5, 0x3000), place(5, 0x2FFF)), FailedWith(Code::invalid, "comes before"));
  EXPECT_THAT(cover({}, history(), place(3, 0x1000), place(1, 0x1000)), FailedWith(Code::invalid, "comes before"));
}

}  // namespace
}  // namespace holdfast
