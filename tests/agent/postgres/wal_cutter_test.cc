#include "agent/postgres/wal_cutter.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr std::uint64_t segment = 1U << 20U;
WalSegmentSize small() {
  return WalSegmentSize::of(segment).value();
}
Timestamp at(std::int64_t seconds) {
  return Timestamp::from_micros(seconds * 1'000'000);
}
Micros moment(std::int64_t seconds) {
  return std::chrono::seconds(seconds);
}

TEST(WalCutting, GathersUntilItIsTaken) {
  WalCutter cutter(small());
  cutter.begin(Timeline(1), Lsn(100));
  EXPECT_FALSE(cutter.waiting_since());
  EXPECT_TRUE(cutter.add(Lsn(100), as_bytes("abc"), at(10), moment(1))->empty());
  EXPECT_TRUE(cutter.add(Lsn(103), as_bytes("de"), at(11), moment(2))->empty());
  EXPECT_EQ(cutter.waiting_since(), moment(1));
  const auto cut = cutter.take();
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->timeline, Timeline(1));
  EXPECT_EQ(cut->first, Lsn(100));
  EXPECT_EQ(cut->last(), Lsn(105));
  EXPECT_EQ(as_text(cut->bytes), "abcde");
  EXPECT_EQ(cut->received_from, at(10));
  EXPECT_EQ(cut->received_through, at(11));
  EXPECT_FALSE(cutter.take());
  EXPECT_EQ(cutter.end(), Lsn(105));
}

TEST(WalCutting, EndsObjectsAtSegmentBoundaries) {
  WalCutter cutter(small());
  cutter.begin(Timeline(1), Lsn(segment - 10));
  const Bytes bytes(2 * segment + 30, 7);
  const auto cuts = cutter.add(Lsn(segment - 10), bytes, at(1), moment(1)).value();
  ASSERT_EQ(cuts.size(), 3U);
  EXPECT_EQ(cuts[0].last(), Lsn(segment));
  EXPECT_EQ(cuts[1].first, Lsn(segment));
  EXPECT_EQ(cuts[1].last(), Lsn(2 * segment));
  EXPECT_EQ(cuts[2].last(), Lsn(3 * segment));
  EXPECT_EQ(cutter.size(), 20U);
}

TEST(WalCutting, KeepsObjectsOfHugeSegmentsSmall) {
  WalCutter cutter(WalSegmentSize::of(1U << 30U).value());
  cutter.begin(Timeline(1), Lsn(0));
  const auto cuts = cutter.add(Lsn(0), Bytes(17U << 20U, 0), at(1), moment(1)).value();
  ASSERT_EQ(cuts.size(), 1U);
  EXPECT_EQ(cuts[0].bytes.size(), 16U << 20U);
}

TEST(WalCutting, RefusesAGapAndSkipsWhatItHas) {
  WalCutter cutter(small());
  cutter.begin(Timeline(1), Lsn(100));
  EXPECT_EQ(cutter.add(Lsn(101), as_bytes("b"), at(1), moment(1)).error().code, Code::corrupt);
  ASSERT_TRUE(cutter.add(Lsn(100), as_bytes("abc"), at(1), moment(1)));
  ASSERT_TRUE(cutter.add(Lsn(101), as_bytes("bcd"), at(1), moment(1)));
  EXPECT_EQ(as_text(cutter.take()->bytes), "abcd");
}

TEST(RecoverableUntil, IsTheMomentOfTheMessageBefore) {
  RecoverableThrough through;
  through.begin();
  through.saw_data(Lsn(100), at(1));
  EXPECT_TRUE(through.durable(Lsn(1000)).is_never());
  through.saw_data(Lsn(200), at(2));
  EXPECT_TRUE(through.durable(Lsn(199)).is_never());
  EXPECT_EQ(through.durable(Lsn(200)), at(1));
}

TEST(RecoverableUntil, IsKnownOfLogThatIsNotDurableYet) {
  RecoverableThrough through;
  through.begin();
  through.saw_data(Lsn(100), at(1));
  through.saw_data(Lsn(200), at(2));
  through.saw_data(Lsn(300), at(3));
  EXPECT_TRUE(through.at(Lsn(199)).is_never());
  EXPECT_EQ(through.at(Lsn(200)), at(1));
  EXPECT_EQ(through.at(Lsn(999)), at(2));
  EXPECT_EQ(through.durable(Lsn(200)), at(1)) << "asking forgets nothing";
  EXPECT_EQ(through.at(Lsn(250)), at(1)) << "and knows what was forgotten";
}

TEST(RecoverableUntil, IsOldWhileAStreamCatchesUp) {
  RecoverableThrough through;
  through.begin();
  // The server is at 900 already, whatever its clock says with each piece of old log.
  through.saw_data(Lsn(900), at(1000));
  through.saw_data(Lsn(900), at(1001));
  EXPECT_TRUE(through.at(Lsn(200)).is_never());
  EXPECT_EQ(through.at(Lsn(900)), at(1000));
}

TEST(RecoverableUntil, MovesOnWhileTheServerIsIdle) {
  RecoverableThrough through;
  through.begin();
  through.saw_data(Lsn(100), at(1));
  through.saw_keepalive(Lsn(100), at(2));
  EXPECT_TRUE(through.durable(Lsn(100)).is_never());
  through.saw_keepalive(Lsn(100), at(3));
  EXPECT_EQ(through.durable(Lsn(100)), at(2));
  through.saw_keepalive(Lsn(100), at(9));
  EXPECT_EQ(through.durable(Lsn(100)), at(3));
  EXPECT_EQ(through.durable(Lsn(99)), at(3));
}

TEST(RecoverableUntil, ProvesNothingAcrossStreams) {
  RecoverableThrough through;
  through.begin();
  through.saw_keepalive(Lsn(100), at(1));
  through.begin();
  through.saw_keepalive(Lsn(100), at(5));
  EXPECT_TRUE(through.durable(Lsn(100)).is_never());
}

}  // namespace
}  // namespace holdfast
