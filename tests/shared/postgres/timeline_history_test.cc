#include "shared/postgres/timeline_history.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr const char* three =
    "1\t0/3000000\tno recovery target specified\n\n2\t0/5000098\tbefore 2026-11-21 01:00:00+00\n";

TEST(TimelineHistoryFile, RoundTripsItsEntries) {
  const auto history = TimelineHistory::parse(Timeline(3), three).value();
  ASSERT_EQ(history.switches().size(), 2U);
  EXPECT_EQ(history.switches()[1], (TimelineSwitch{Timeline(2), Lsn(0x5000098), "before 2026-11-21 01:00:00+00"}));
  const auto again = TimelineHistory::parse(Timeline(3), history.format()).value();
  EXPECT_EQ(again.switches(), history.switches());
}

TEST(TimelineHistoryFile, SkipsCommentsAndToleratesAMissingReason) {
  const auto history = TimelineHistory::parse(Timeline(9), "# made by hand\n  4\t1/0\n").value();
  ASSERT_EQ(history.switches().size(), 1U);
  EXPECT_EQ(history.switches()[0], (TimelineSwitch{Timeline(4), Lsn(0x100000000), ""}));
}

TEST(TimelineHistoryFile, RefusesWhatTheServerRefuses) {
  for (const char* content : {"1\n", "x\t0/1\tr\n", "3\t0/1\tr\n", "4\t0/1\tr\n", "2\t0/1\tr\n1\t0/2\tr\n",
                              "1\t0/1\tr\n1\t0/2\tr\n", "1\t0-1\tr\n", "0\t0/1\tr\n", "1\t0/5\tr\n2\t0/4\tr\n"}) {
    const auto parsed = TimelineHistory::parse(Timeline(3), content);
    ASSERT_FALSE(parsed.has_value()) << content;
    EXPECT_EQ(parsed.error().code, Code::corrupt);
  }
}

TEST(TimelineOfPosition, ChangesExactlyAtTheSwitch) {
  const auto history = TimelineHistory::parse(Timeline(3), three).value();
  EXPECT_EQ(history.timeline_of(Lsn(0x2FFFFFF)), Timeline(1));
  EXPECT_EQ(history.timeline_of(Lsn(0x3000000)), Timeline(2));
  EXPECT_EQ(history.timeline_of(Lsn(0x5000097)), Timeline(2));
  EXPECT_EQ(history.timeline_of(Lsn(0x5000098)), Timeline(3));
}

TEST(TimelineOfPosition, IsTheOnlyOneWithoutSwitches) {
  EXPECT_EQ(TimelineHistory().timeline_of(Lsn(1)), Timeline(1));
  EXPECT_FALSE(TimelineHistory().left_at(Timeline(1)));
}

TEST(HistoryPassesThrough, ABackupOnAnAncestorOnlyBeforeItsSwitch) {
  const auto history = TimelineHistory::parse(Timeline(3), three).value();
  EXPECT_TRUE(history.passes_through(Timeline(1), Lsn(0x3000000)));
  EXPECT_FALSE(history.passes_through(Timeline(1), Lsn(0x3000001)));
  EXPECT_TRUE(history.passes_through(Timeline(3), Lsn(0x9000000)));
  EXPECT_FALSE(history.passes_through(Timeline(4), Lsn(1)));
  EXPECT_TRUE(history.includes(Timeline(2)));
  EXPECT_FALSE(history.includes(Timeline(4)));
}

}  // namespace
}  // namespace holdfast
