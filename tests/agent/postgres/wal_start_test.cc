#include "agent/postgres/wal_start.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr std::uint64_t segment = 16U << 20U;

WalStartFacts facts_of(std::uint32_t timeline, std::uint64_t flushed) {
  WalStartFacts facts;
  facts.server = {SystemId(7), Timeline(timeline), Lsn(flushed), WalSegmentSize()};
  facts.history = TimelineHistory(Timeline(timeline));
  facts.slot_start = Lsn(3 * segment + 0x28);
  return facts;
}

WalResumePoint saved(std::uint32_t timeline, std::uint64_t durable) {
  WalResumePoint point;
  point.system_id = SystemId(7);
  point.timeline = Timeline(timeline);
  point.durable = Lsn(durable);
  return point;
}

TEST(WalStartDecision, BeginsWithTheSlotsWholeSegment) {
  const auto start = decide_wal_start(facts_of(1, 5 * segment)).value();
  EXPECT_EQ(start.timeline, Timeline(1));
  EXPECT_EQ(start.from, Lsn(3 * segment));
  EXPECT_FALSE(start.lost);
}

TEST(WalStartDecision, GoesOnAtTheByteThatIsDurable) {
  auto facts = facts_of(1, 5 * segment);
  facts.saved = saved(1, 4 * segment + 12345);
  const auto start = decide_wal_start(facts).value();
  EXPECT_EQ(start.from, Lsn(4 * segment + 12345));
  EXPECT_FALSE(start.lost);
}

TEST(WalStartDecision, RefusesAnotherCluster) {
  auto facts = facts_of(1, 5 * segment);
  facts.expected = SystemId(8);
  EXPECT_EQ(decide_wal_start(facts).error().code, Code::conflict);
  facts.expected = SystemId();
  facts.saved = saved(1, 4 * segment);
  facts.saved->system_id = SystemId(9);
  EXPECT_EQ(decide_wal_start(facts).error().code, Code::conflict);
}

TEST(WalStartDecision, RefusesAServerThatWasSetBack) {
  auto facts = facts_of(1, 4 * segment);
  facts.saved = saved(1, 4 * segment + 1);
  EXPECT_EQ(decide_wal_start(facts).error().code, Code::conflict);
}

TEST(WalStartDecision, FinishesTheOldTimelineBeforeTheNewOne) {
  auto facts = facts_of(2, 6 * segment);
  facts.history = TimelineHistory::parse(Timeline(2), "1\t0/5000098\tpromoted\n").value();
  facts.saved = saved(1, 0x4800000);
  const auto start = decide_wal_start(facts).value();
  EXPECT_EQ(start.timeline, Timeline(1));
  EXPECT_EQ(start.from, Lsn(0x4800000));
}

TEST(WalStartDecision, LeavesABranchThatTheServerDidNotFollow) {
  auto facts = facts_of(2, 6 * segment);
  facts.history = TimelineHistory::parse(Timeline(2), "1\t0/5000098\tpromoted\n").value();
  facts.saved = saved(1, 0x5000100);
  const auto start = decide_wal_start(facts).value();
  EXPECT_EQ(start.timeline, Timeline(2));
  EXPECT_EQ(start.from, Lsn(0x5000000));
  EXPECT_FALSE(start.lost);
}

TEST(WalStartDecision, RecordsWhatTheServerHasDropped) {
  auto facts = facts_of(1, 9 * segment);
  facts.saved = saved(1, 2 * segment + 5);
  facts.saved_log = WalStartFacts::SavedLog::gone;
  const auto start = decide_wal_start(facts).value();
  EXPECT_EQ(start.from, Lsn(3 * segment));
  ASSERT_TRUE(start.lost);
  EXPECT_EQ(start.lost->from, Lsn(2 * segment + 5));
  EXPECT_EQ(start.lost->to, Lsn(3 * segment));
}

TEST(WalStartDecision, RecordsAnUnknownBranchAsALoss) {
  auto facts = facts_of(3, 9 * segment);
  facts.history = TimelineHistory::parse(Timeline(3), "1\t0/2000000\trestored\n").value();
  facts.saved = saved(2, 4 * segment);
  const auto start = decide_wal_start(facts).value();
  EXPECT_EQ(start.timeline, Timeline(3));
  EXPECT_TRUE(start.lost);
}

TEST(WalStartDecision, StreamsTheSwitchSegmentWhole) {
  const auto start = start_after_switch({Timeline(2), Lsn(0x5000098)}, WalSegmentSize());
  EXPECT_EQ(start.timeline, Timeline(2));
  EXPECT_EQ(start.from, Lsn(0x5000000));
}

}  // namespace
}  // namespace holdfast
