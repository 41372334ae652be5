#include "coordinator/core/wal_ranges.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

Timestamp at(std::int64_t micros) {
  return Timestamp::from_micros(micros);
}
WalRange range(std::uint64_t first, std::uint64_t last, std::uint32_t timeline = 1, std::int64_t from = 1,
               std::int64_t through = 2) {
  WalRange out;
  out.timeline = Timeline(timeline);
  out.first = Lsn(first);
  out.last = Lsn(last);
  out.from_time = at(from);
  out.through_time = at(through);
  return out;
}
TimelineChange change(std::uint32_t timeline, std::uint32_t parent, std::uint64_t lsn) {
  TimelineChange out;
  out.timeline = Timeline(timeline);
  out.parent = Timeline(parent);
  out.at = Lsn(lsn);
  return out;
}
std::vector<WalRange> merged(const std::vector<WalRange>& more) {
  std::vector<WalRange> ranges;
  for (const auto& one : more) merge_wal_range(ranges, one);
  return ranges;
}
std::vector<std::pair<std::uint64_t, std::uint64_t>> bounds(const std::vector<WalRange>& ranges) {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> out;
  for (const auto& one : ranges) out.emplace_back(one.first.value(), one.last.value());
  return out;
}
using Bounds = std::vector<std::pair<std::uint64_t, std::uint64_t>>;

TEST(WalRanges, MergeWhatOverlapsOrTouches) {
  struct Case {
    const char* name;
    std::vector<WalRange> in;
    Bounds out;
  };
  const Case cases[] = {
      {"grows", {range(0, 10), range(0, 20)}, {{0, 20}}},
      {"touches", {range(0, 10), range(10, 20)}, {{0, 20}}},
      {"gap", {range(0, 10), range(11, 20)}, {{0, 10}, {11, 20}}},
      {"fills the gap", {range(0, 10), range(20, 30), range(10, 20)}, {{0, 30}}},
      {"inside", {range(0, 30), range(10, 20)}, {{0, 30}}},
      {"around several", {range(5, 6), range(8, 9), range(0, 30)}, {{0, 30}}},
      {"comes before", {range(20, 30), range(0, 10)}, {{0, 10}, {20, 30}}},
      {"other timeline", {range(0, 10, 1), range(5, 20, 2)}, {{0, 10}, {5, 20}}},
  };
  for (const auto& c : cases) EXPECT_EQ(bounds(merged(c.in)), c.out) << c.name;
}

TEST(WalRanges, KeepTheTimesOfTheirEnds) {
  const auto ranges = merged({range(0, 10, 1, 100, 110), range(10, 20, 1, 110, 120), range(0, 15, 1, 90, 115)});
  ASSERT_EQ(ranges.size(), 1U);
  EXPECT_EQ(ranges[0].through_time, at(120));
  EXPECT_EQ(ranges[0].from_time, at(90));
}

TEST(WalRanges, LetTimePassWhileNothingIsWritten) {
  EXPECT_EQ(merged({range(0, 10, 1, 1, 100), range(0, 10, 1, 1, 200)})[0].through_time, at(200));
}

TEST(TimelinePath, LeadsThroughTheParents) {
  const std::vector<TimelineChange> changes = {change(2, 1, 100), change(3, 2, 200), change(4, 1, 50)};
  const auto path = timeline_path(changes, Timeline(1), Timeline(3));
  ASSERT_TRUE(path);
  ASSERT_EQ(path->size(), 3U);
  EXPECT_EQ((*path)[0].until, Lsn(100));
  EXPECT_EQ((*path)[1].until, Lsn(200));
  EXPECT_EQ((*path)[2].until, std::nullopt);
  EXPECT_FALSE(timeline_path(changes, Timeline(2), Timeline(4)));
  EXPECT_FALSE(timeline_path(changes, Timeline(3), Timeline(1)));
  EXPECT_EQ(timeline_path(changes, Timeline(9), Timeline(9))->size(), 1U);
  EXPECT_FALSE(timeline_path({change(2, 2, 1)}, Timeline(1), Timeline(2)));
}

TEST(FollowWal, StopsAtAGap) {
  const auto ranges = merged({range(0, 10, 1, 1, 50), range(20, 30, 1, 60, 90)});
  const auto reach = follow_wal(ranges, {{Timeline(1), std::nullopt}}, Lsn(5));
  EXPECT_EQ(reach.lsn, Lsn(10));
  EXPECT_EQ(reach.time, at(50));
}

TEST(FollowWal, GoesOnAfterASwitch) {
  const auto ranges = merged({range(0, 120, 1, 1, 50), range(96, 300, 2, 51, 90)});
  const std::vector<TimelineStep> path = {{Timeline(1), Lsn(100)}, {Timeline(2), std::nullopt}};
  const auto reach = follow_wal(ranges, path, Lsn(5));
  EXPECT_TRUE(reach.complete);
  EXPECT_EQ(reach.lsn, Lsn(300));
  EXPECT_EQ(reach.time, at(90));
}

TEST(FollowWal, BridgesALostEndByTheNextTimelinesFirstSegment) {
  // The old primary died before its last bytes were shipped; the new one repeats the segment from its beginning.
  const auto ranges = merged({range(0, 97, 1, 1, 50), range(96, 300, 2, 51, 90)});
  const std::vector<TimelineStep> path = {{Timeline(1), Lsn(100)}, {Timeline(2), std::nullopt}};
  EXPECT_EQ(follow_wal(ranges, path, Lsn(5)).lsn, Lsn(300));
  const auto gap = merged({range(0, 90, 1, 1, 50), range(96, 300, 2, 51, 90)});
  EXPECT_EQ(follow_wal(gap, path, Lsn(5)).lsn, Lsn(90));
  EXPECT_EQ(follow_wal(gap, path, Lsn(5)).time, at(50));
}

TEST(FollowWal, HasNothingWithoutARangeAtItsStart) {
  const auto reach = follow_wal({}, {{Timeline(1), std::nullopt}}, Lsn(5));
  EXPECT_EQ(reach.lsn, Lsn(5));
  EXPECT_TRUE(reach.time.is_never());
  EXPECT_FALSE(reach.complete);
}

}  // namespace
}  // namespace holdfast
