// Names of objects of log into ranges, and which headers that asks for.
#include "coordinator/rebuild/stored_wal.h"

#include <gmock/gmock.h>

namespace holdfast {
namespace {

using testing::ElementsAre;

class StoredWal : public testing::Test {
 protected:
  static WalName name(std::uint64_t first, std::uint64_t last, std::uint32_t timeline = 1) {
    return {Timeline(timeline), Lsn(first), Lsn(last)};
  }
  std::vector<WalRange> ranges(const std::vector<WalName>& names) {
    return wal_ranges_of(DatabaseId({1}), names, [this](const WalName& asked) -> std::optional<WalHeader> {
      asked_.push_back(asked.first.value());
      if (damaged_.contains(asked.first.value())) return std::nullopt;
      WalHeader header;
      header.segment_size = 16;
      header.received_from = Timestamp::from_micros(static_cast<std::int64_t>(asked.first.value()));
      header.recoverable_through = Timestamp::from_micros(static_cast<std::int64_t>(asked.last.value()));
      return header;
    });
  }
  std::vector<std::uint64_t> asked_;
  std::set<std::uint64_t> damaged_;
};

TEST_F(StoredWal, IsOneRangeAsLongAsThereIsNoGap) {
  const auto found = ranges({name(30, 40), name(10, 20), name(20, 30), name(15, 25)});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].first, Lsn(10));
  EXPECT_EQ(found[0].last, Lsn(40));
  EXPECT_EQ(found[0].from_time.micros(), 10);
  EXPECT_EQ(found[0].through_time.micros(), 40);
  EXPECT_EQ(found[0].segment_size, 16U);
  EXPECT_THAT(asked_, ElementsAre(10, 30)) << "the first and the last header, and no more";
}

TEST_F(StoredWal, AGapAndAnotherTimelineBeginAnotherRange) {
  const auto found = ranges({name(10, 20), name(21, 30), name(10, 20, 2)});
  ASSERT_EQ(found.size(), 3U);
  EXPECT_EQ(found[1].first, Lsn(21));
  EXPECT_EQ(found[2].timeline, Timeline(2));
  EXPECT_EQ(found[2].through_time.micros(), 20);
}

TEST_F(StoredWal, WhereAHeaderIsDamagedTheNextOneSaysTheTime) {
  damaged_ = {10, 30};
  const auto found = ranges({name(10, 20), name(20, 30), name(30, 40)});
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].last, Lsn(40)) << "it is there by its name";
  EXPECT_EQ(found[0].from_time.micros(), 20);
  EXPECT_EQ(found[0].through_time.micros(), 30);
}

}  // namespace
}  // namespace holdfast
