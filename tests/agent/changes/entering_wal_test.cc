// Where reading begins: at a record, at a page, in the middle of either.
#include "tests/agent/changes/reading_wal.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class EnteringWal : public ReadingWal {
 protected:
  void SetUp() override {
    wal.fill_page(16);  // the next record's header is split
    starts.push_back(wal.add_block(table, 1));
    starts.push_back(wal.add_block(table, 2));
    starts.push_back(
        wal.add({.body = RecordBody().block({.fork = table, .number = 3}).main_data(Bytes(20000)).bytes()}));
    starts.push_back(wal.add_block(table, 4));
    wal.fill_page(0);
    starts.push_back(wal.add_block(table, 5));
    second = starts[1];
  }
  std::vector<Lsn> starts;
  Lsn second;
};

TEST_F(EnteringWal, ReportsWhatBeginsAtOrAfterThePosition) {
  // With the bytes from the page's start on there is no doubt, wherever it is.
  for (Lsn at = wal.start(); at < wal.end(); at = at + 1) {
    ASSERT_THAT(read_from(at, start_of_page(at)), Succeeded()) << to_text(at);
    std::vector<std::string> expected;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      if (starts[i] >= at) expected.push_back(block(static_cast<std::uint32_t>(i + 1)));
    }
    ASSERT_EQ(seen.calls, expected) << to_text(at);
    ASSERT_EQ(reader.read_from(), at);
    ASSERT_GE(reader.read_through(), at);
  }
}

TEST_F(EnteringWal, MayBeGivenEarlierBytes) {
  ASSERT_THAT(read_from(second, wal.start()), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(2), block(3), block(4), block(5)));
}

TEST_F(EnteringWal, NeedsNoEarlierBytesWhereARecordBegins) {
  ASSERT_THAT(read_from(second, second), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(2), block(3), block(4), block(5)));
  EXPECT_EQ(reader.read_from(), second);
  EXPECT_EQ(reader.read_through(), aligned_up(wal.end()));
}

TEST_F(EnteringWal, NeedsNotAllOfAHeaderBeforeAPagesFirstRecord) {
  for (Lsn at = start_of_page(starts[4]) + 1; at <= starts[4]; at = at + 1) {
    ASSERT_THAT(read_from(at, at), Succeeded());
    // The last page: what proves the record is not there yet.
    EXPECT_THAT(seen.calls, IsEmpty());
    EXPECT_EQ(reader.read_through(), at);
  }
  wal.fill_page(0);
  wal.add_block(table, 6);
  for (Lsn at = start_of_page(starts[4]) + 1; at <= starts[4]; at = at + 1) {
    ASSERT_THAT(read_from(at, at), Succeeded());
    EXPECT_THAT(seen.calls, ElementsAre(block(5), block(6)));
    EXPECT_EQ(reader.read_from(), at);
  }
}

TEST_F(EnteringWal, IsDoubtedInTheMiddleOfARecordWithoutThePagesHeader) {
  const Lsn at = second + 8;
  ASSERT_THAT(read_from(at, at), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(fmt::format("doubt at {}", at), block(4), block(5)));
  EXPECT_EQ(reader.read_from(), start_of_page(at) + page);
}

TEST_F(EnteringWal, WorksInWhatASwitchLeftEmpty) {
  wal = WalBuilder();
  wal.add_block(table, 1);
  wal.switch_segment();
  wal.add_block(table, 2);
  for (const std::uint64_t offset : {std::uint64_t{600}, page - 8, page, 5 * page + 100, (1U << 20U) - page + 100}) {
    ASSERT_THAT(read_from(wal.start() + offset, wal.start() + offset), Succeeded()) << offset;
    EXPECT_THAT(seen.calls, ElementsAre(block(2))) << offset;
    EXPECT_EQ(reader.read_from(), wal.start() + offset);
  }
}

TEST_F(EnteringWal, RefusesARecordThatGoesOnBehindZeros) {
  wal = WalBuilder();
  wal.add_block(table, 1);
  wal.switch_segment();
  wal.add_block(table, 2);
  *wal.at(wal.start() + (1U << 20U) + 2) |= 1;
  *wal.at(wal.start() + (1U << 20U) + 16) = 8;
  EXPECT_THAT(read_from(wal.start() + page, wal.start() + page), FailedWith(Code::corrupt, "behind nothing but zeros"));
}

TEST_F(EnteringWal, WorksBeforeASwitch) {
  wal = WalBuilder();
  wal.add_block(table, 1);
  const Lsn at = wal.add_block(table, 2);
  wal.switch_segment();
  wal.add_block(table, 3);
  ASSERT_THAT(read_from(at, at), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(2), block(3)));
  EXPECT_EQ(reader.read_from(), at);
  // In the middle of a record it is doubted, and what follows the switch is read.
  ASSERT_THAT(read_from(at + 8, at + 8), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(fmt::format("doubt at {}", at + 8), block(3)));
  EXPECT_EQ(reader.read_from(), wal.start() + (1U << 20U));
}

TEST_F(EnteringWal, WorksRightBehindACrash) {
  wal = WalBuilder();
  const Lsn cut = wal.add_cut_off(20000, 2);
  const Lsn after = start_of_page(wal.end());
  Bytes told;
  append_le(told, cut.value());
  wal.add({.resource_manager = 0, .info = 0xD0, .body = RecordBody().main_data(told).bytes()});
  wal.add_block(table, 1);
  for (const Lsn at : {after, cut + 8192}) {
    ASSERT_THAT(read_from(at, start_of_page(at)), Succeeded());
    EXPECT_THAT(seen.calls, ElementsAre(block(1)));
  }
}

}  // namespace
}  // namespace holdfast
