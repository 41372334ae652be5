#include "tests/agent/changes/reading_wal.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(ReadingWal, ReportsRecordsInOrder) {
  wal.add_block(table, 1);
  wal.add_block(table, 2);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(1), block(2)));
  EXPECT_EQ(reader.read_from(), wal.start());
  EXPECT_EQ(reader.read_through(), aligned_up(wal.end()));
  EXPECT_EQ(reader.major_version(), 15);
}

TEST_F(ReadingWal, FindsRecordsAcrossPages) {
  // With each number of bytes of a record on the first page, its header split or not.
  for (std::uint64_t left = 8; left <= 64; left += 8) {
    wal = WalBuilder();
    wal.fill_page(left);
    wal.add_block(table, 1);
    wal.add_block(table, 2);
    ASSERT_THAT(read(), Succeeded()) << left;
    EXPECT_THAT(seen.calls, ElementsAre(block(1), block(2))) << left;
  }
}

TEST_F(ReadingWal, FindsRecordsAcrossSegments) {
  while (wal.end() - wal.start() < (1U << 20U) - page) wal.fill_page(0);
  wal.fill_page(16);
  wal.add_block(table, 1);
  wal.add({.body = RecordBody().block({.fork = table, .number = 2}).main_data(Bytes(3U << 20U)).bytes()});
  wal.add_block(table, 3);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(1), block(2), block(3)));
}

TEST_F(ReadingWal, KeepsMainDataOverPages) {
  // 2,000 dropped relations behind 3,000 subtransactions: 36 kB.
  Bytes data(8);
  append_le(data, std::uint32_t{6});
  append_le(data, std::uint32_t{3000});
  data.resize(data.size() + 3000 * 4, 0x55);
  append_le(data, std::uint32_t{2000});
  for (std::uint32_t i = 0; i < 2000; ++i) {
    for (const std::uint32_t part : {1663U, 5U, 10000U + i}) append_le(data, part);
  }
  wal.add({.resource_manager = 1, .info = 0x81, .body = RecordBody().main_data(data).bytes()});
  ASSERT_THAT(read(), Succeeded());
  ASSERT_THAT(seen.calls, SizeIs(6000));
  EXPECT_EQ(seen.calls.front(), "1663/5/10000.0 limited to 0");
  EXPECT_EQ(seen.calls.back(), "1663/5/11999.3 limited to 0");
}

TEST_F(ReadingWal, KeepsMainDataBehindImages) {
  // On each side of the end of a page, far behind the record's head.
  for (std::uint64_t left = 8200; left < 8400; left += 8) {
    wal = WalBuilder();
    wal.fill_page(0);
    wal.fill_page(left - 8168);
    Bytes data;
    for (const std::uint32_t part : {1663U, 5U, 901U, 0U}) append_le(data, part);
    RecordBody body;
    body.block({.fork = table, .number = 1, .image = RecordBody::Image{}}).main_data(data);
    wal.add({.resource_manager = 2, .info = 0x11, .body = body.bytes()});
    ASSERT_THAT(read(), Succeeded());
    ASSERT_THAT(seen.calls, ElementsAre(block(1), "1663/5/901.0 limited to 0")) << left;
  }
}

TEST_F(ReadingWal, DoubtsARecordThatSaysMoreThanIsKept) {
  Bytes data(RecordAssembly::longest_main_data + 1);
  wal.add({.resource_manager = 1, .info = 0x80, .body = RecordBody().main_data(data).bytes()});
  wal.add_block(table, 1);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(HasSubstr("doubt"), block(1)));
}

TEST_F(ReadingWal, WaitsForTheRestOfARecord) {
  wal.add_block(table, 1);
  const Lsn second = wal.add_block(table, 2);
  wal.bytes().pop_back();
  ASSERT_THAT(read(), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(1)));
  EXPECT_EQ(reader.read_through(), second);
}

TEST_F(ReadingWal, SkipsWhatItHasSeenAndRefusesAGap) {
  wal.add_block(table, 1);
  ASSERT_THAT(read(), Succeeded());
  ASSERT_THAT(reader.add(wal.start(), wal.bytes(), seen), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(1)));
  EXPECT_THAT(reader.add(wal.end() + 1, as_bytes("x"), seen), FailedWith(Code::corrupt, "the WAL went on at"));
  EXPECT_THAT(seen.doubts, SizeIs(1));
}

TEST_F(ReadingWal, SkipsTheRestOfASwitchedSegment) {
  wal.add_block(table, 1);
  wal.switch_segment();
  wal.add_block(table, 2);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(1), block(2)));
}

TEST_F(ReadingWal, ReachesTheEndOfASwitchedSegmentAtOnce) {
  wal.switch_segment();
  wal.bytes().resize(page);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_EQ(reader.read_through(), wal.start() + (1U << 20U));
}

TEST_F(ReadingWal, TakesZerosForTheEnd) {
  wal.add_block(table, 1);
  const Lsn end = aligned_up(wal.end());
  wal.bytes().resize(3 * page);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_EQ(reader.read_through(), end);
  wal.fill_page(0);
  const auto problem = read();
  EXPECT_THAT(problem, FailedWith(Code::corrupt, "something follows the end of the log"));
}

TEST_F(ReadingWal, TakesAnEmptyPageForTheEnd) {
  wal.fill_page(0);
  wal.bytes().resize(4 * page);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_EQ(reader.read_through(), wal.start() + page);
}

TEST_F(ReadingWal, DropsARecordThatACrashCutOff) {
  for (const int pages : {1, 2}) {
    wal = WalBuilder();
    wal.add_block(table, 1);
    const Lsn cut = wal.add_cut_off(20000, pages);
    Bytes told;
    append_le(told, cut.value());
    append_le(told, std::uint64_t{0});
    wal.add({.resource_manager = 0, .info = 0xD0, .body = RecordBody().main_data(told).bytes()});
    wal.add_block(table, 2);
    ASSERT_THAT(read(), Succeeded());
    EXPECT_THAT(seen.calls, ElementsAre(block(1), block(2)));
  }
}

TEST_F(ReadingWal, WantsToBeToldWhichRecordWasCutOff) {
  wal.add_block(table, 1);
  wal.add_cut_off(20000, 1);
  wal.add_block(table, 2);
  EXPECT_THAT(read(), FailedWith(Code::corrupt, "was cut off"));
  wal = WalBuilder();
  const Lsn cut = wal.add_cut_off(20000, 1);
  Bytes told;
  append_le(told, cut.value() + 8);
  wal.add({.resource_manager = 0, .info = 0xD0, .body = RecordBody().main_data(told).bytes()});
  EXPECT_THAT(read(), FailedWith(Code::corrupt, "was cut off"));
}

TEST_F(ReadingWal, DoubtsWhatItCannotUnderstandAndGoesOn) {
  const Lsn at = wal.add({.body = RecordBody().fragment(Bytes{77}).bytes()});
  wal.add_block(table, 1);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(fmt::format("doubt at {}", at), block(1)));
  EXPECT_THAT(seen.doubts, ElementsAre(HasSubstr("unknown kind 77")));
}

// Everything below ends the reading.
class WrongWal : public ReadingWal {
 protected:
  void expect_error(const std::string& text, Code code = Code::corrupt) {
    EXPECT_THAT(read(), FailedWith(code, text));
    EXPECT_THAT(seen.doubts, ElementsAre(HasSubstr(text)));
    const auto calls = seen.calls.size();
    EXPECT_THAT(reader.add(wal.end(), as_bytes("more"), seen), FailedWith(code, text));
    EXPECT_THAT(seen.calls, SizeIs(calls));
  }
};

TEST_F(WrongWal, HasADamagedRecord) {
  // Nothing of it is told, wherever the damage is.
  const Lsn good = wal.add_block(table, 1);
  const Lsn bad = wal.add({.resource_manager = 2, .info = 0x11, .body = RecordBody().main_data(Bytes(16)).bytes()});
  const Lsn end = wal.end();
  for (Lsn at = bad + 16; at < end; at = at + 1) {
    *wal.at(at) ^= 0x40;
    expect_error("the record does not fit its CRC");
    EXPECT_THAT(seen.calls, ElementsAre(block(1), fmt::format("doubt at {}", bad)));
    EXPECT_EQ(reader.read_through(), bad);
    *wal.at(at) ^= 0x40;
  }
  EXPECT_LT(good, bad);
  ASSERT_THAT(read(), Succeeded());
}

TEST_F(WrongWal, HasADamagedRecordOverPages) {
  wal.add({.body = RecordBody().block({.fork = table, .number = 1}).main_data(Bytes(30000)).bytes(), .crc_damage = 1});
  expect_error("the record does not fit its CRC");
}

TEST_F(WrongWal, HasRecordsThatDoNotFollowEachOther) {
  wal.add_block(table, 1);
  wal.add({.previous = Lsn(4096)});
  expect_error("the record says it follows one at 0/1000");
}

TEST_F(WrongWal, BeginsWithARecordThatFollowsALaterOne) {
  wal.add({.previous = wal.end()});
  expect_error("which is not before it");
}

TEST_F(WrongWal, HasARecordOfAnAbsurdLength) {
  wal.add({.total_length = 23});
  expect_error("a record of 23 bytes");
  wal = WalBuilder();
  wal.add({.total_length = (1020U << 20U) + 1});
  expect_error("a record of 1069547521 bytes");
}

TEST_F(WrongWal, ForgetsTheRestOfARecord) {
  wal.fill_page(16);
  wal.add_block(table, 1);
  *wal.at(wal.start() + page + 2) = 0;
  *wal.at(wal.start() + page + 16) = 0;
  expect_error("the page begins with 0 bytes of a record");
}

TEST_F(WrongWal, ContinuesARecordThatDoesNotExistOrAnother) {
  wal.fill_page(0);
  wal.add_block(table, 1);
  *wal.at(wal.start() + page + 2) = 1;
  *wal.at(wal.start() + page + 16) = 8;
  expect_error("the page begins with 8 bytes of a record, expected were 0");
  wal = WalBuilder();
  wal.fill_page(16);
  wal.add_block(table, 1);
  *wal.at(wal.start() + page + 16) += 8;
  expect_error("bytes of a record, expected were");
}

TEST_F(WrongWal, GivesUpARecordThatDoesNotExist) {
  wal.fill_page(0);
  wal.add_block(table, 1);
  *wal.at(wal.start() + page + 2) = 8;
  expect_error("the page begins with 0 bytes of a record, expected were 0");
}

TEST_F(WrongWal, DoesNotSayAtItsBeginningWhichRecordWasCutOff) {
  wal.add_block(table, 1);
  *wal.at(wal.start() + 2) |= 8;
  expect_error("was cut off, and the next does not say so");
}

TEST_F(WrongWal, IsOfAnotherSystem) {
  wal = WalBuilder({.system_id = SystemId(78)});
  expect_error("from system 78, expected was 77");
}

TEST_F(WrongWal, ChangesItsSystemOnTheWay) {
  reader = ChangeReader(wal.segment_size(), std::nullopt);
  wal.switch_segment();
  wal.set_system_id(SystemId(78));
  wal.switch_segment();
  expect_error("from system 78, expected was 77");
}

TEST_F(WrongWal, ChangesItsVersionOnTheWay) {
  wal.set_magic(0xD113);
  wal.fill_page(0);
  wal.fill_page(0);
  expect_error("a page of version 16 after one of 15");
}

TEST_F(WrongWal, IsOfAnUnknownVersion) {
  wal = WalBuilder({.magic = 0xD121});
  expect_error("unknown magic D121", Code::unsupported);
}

TEST_F(WrongWal, IsOfAnotherTimeline) {
  wal = WalBuilder({.timeline = Timeline(2)});
  expect_error("from timeline 2, expected was 1");
}

TEST_F(WrongWal, HasAPageFromElsewhere) {
  wal.fill_page(0);
  wal.fill_page(0);
  *wal.at(wal.start() + page + 13) = 7;
  expect_error("it was written for");
}

TEST_F(WrongWal, IsReadAnewAfterBegin) {
  wal.add({.crc_damage = 1});
  expect_error("CRC");
  wal = WalBuilder();
  wal.add_block(table, 1);
  ASSERT_THAT(read(), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(1)));
}

// The segment in which a timeline begins holds pages of its parents.
TEST_F(ReadingWal, AcceptsPagesOfTheParentTimelineInTheFirstSegmentOnly) {
  wal = WalBuilder({.timeline = Timeline(1)});
  wal.add_block(table, 1);
  wal.fill_page(0);
  wal.set_timeline(Timeline(2));
  wal.add_block(table, 2);
  ASSERT_THAT(read(Timeline(2)), Succeeded());
  EXPECT_THAT(seen.calls, ElementsAre(block(1), block(2)));

  wal.fill_page(0);
  wal.set_timeline(Timeline(1));
  wal.add_block(table, 3);
  EXPECT_THAT(read(Timeline(2)), FailedWith(Code::corrupt, "from timeline 1, expected was 2"));

  wal = WalBuilder({.timeline = Timeline(1)});
  wal.switch_segment();
  EXPECT_THAT(read(Timeline(2)), FailedWith(Code::corrupt, "from timeline 1, expected was 2"));
}

}  // namespace
}  // namespace holdfast
