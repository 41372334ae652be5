#include "agent/changes/record_chain.h"

#include <gtest/gtest.h>

#include "tests/agent/changes/wal_builder.h"

namespace holdfast {
namespace {

constexpr RelationFork table{1663, 5, 900, Fork::main};
constexpr std::uint64_t page = 8192;

// The first page of what was built, from `at` on, before a page that begins like this.
class RecordChain : public testing::Test {
 protected:
  bool begins_at(Lsn at, const std::optional<WalPageHeader>& next) {
    return record_begins_at(at, ByteView(wal.bytes()).subspan(at - wal.start(), page - (at - wal.start())), next);
  }
  WalBuilder wal;
  const WalPageHeader complete{.major_version = 15};
  const WalPageHeader cut_off{.major_version = 15, .overwrites_continuation = true};
};

TEST_F(RecordChain, EndsWithThePage) {
  const Lsn first = wal.add_block(table, 1);
  const Lsn second = wal.add_block(table, 2);
  wal.fill_page(0);
  for (const Lsn at : {first, second}) {
    EXPECT_TRUE(begins_at(at, complete));
    EXPECT_FALSE(begins_at(at, WalPageHeader{.major_version = 15, .continued_bytes = 8}));
    EXPECT_FALSE(begins_at(at + 8, complete));
  }
}

TEST_F(RecordChain, GoesOnAsTheNextPageSays) {
  // The last record has its header on this page, or only its length.
  for (const std::uint32_t left : {40U, 8U}) {
    wal = WalBuilder();
    const Lsn first = wal.add_block(table, 1);
    wal.fill_page(left);
    const Lsn last = wal.add({.body = Bytes(1000)});
    for (const Lsn at : {first, last}) {
      EXPECT_TRUE(begins_at(at, WalPageHeader{.major_version = 15, .continued_bytes = 1024 - left}));
      EXPECT_FALSE(begins_at(at, WalPageHeader{.major_version = 15, .continued_bytes = 1025 - left}));
      EXPECT_FALSE(begins_at(at, complete));
    }
  }
}

TEST_F(RecordChain, MayEndWithARecordThatACrashCutOff) {
  const Lsn first = wal.add_block(table, 1);
  const Lsn cut = wal.add_cut_off(20000, 1);
  EXPECT_TRUE(begins_at(first, cut_off));
  EXPECT_FALSE(begins_at(cut, cut_off));  // nothing proves it
}

TEST_F(RecordChain, EndsWithASwitchOfTheSegment) {
  const Lsn first = wal.add_block(table, 1);
  wal.switch_segment();
  EXPECT_TRUE(begins_at(first, complete));
  EXPECT_TRUE(begins_at(first, std::nullopt));
}

TEST_F(RecordChain, HasNothingEmptyBehindItWithoutASwitch) {
  const Lsn first = wal.add_block(table, 1);
  wal.fill_page(0);
  EXPECT_FALSE(begins_at(first, std::nullopt));
  wal = WalBuilder();
  const Lsn last = wal.add({.body = Bytes(10000)});
  EXPECT_FALSE(begins_at(last, std::nullopt));
}

TEST_F(RecordChain, IsBrokenByDamage) {
  const Lsn first = wal.add_block(table, 1);
  wal.add({.body = Bytes(8), .crc_damage = 1});
  wal.fill_page(0);
  EXPECT_FALSE(begins_at(first, complete));
}

TEST_F(RecordChain, IsBrokenByARecordThatFollowsAnother) {
  const Lsn first = wal.add_block(table, 1);
  wal.add({.body = Bytes(8), .previous = first + 8});
  wal.fill_page(0);
  EXPECT_FALSE(begins_at(first, complete));
  wal = WalBuilder();
  const Lsn late = wal.add({.body = Bytes(8), .previous = wal.start() + page});
  wal.fill_page(0);
  EXPECT_FALSE(begins_at(late, complete));
}

TEST_F(RecordChain, IsBrokenByZeros) {
  const Lsn first = wal.add_block(table, 1);
  wal.bytes().resize(page);
  EXPECT_FALSE(begins_at(first, complete));
}

}  // namespace
}  // namespace holdfast
