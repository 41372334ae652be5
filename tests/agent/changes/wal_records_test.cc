#include "agent/changes/wal_records.h"

#include <gtest/gtest.h>

#include "tests/agent/changes/seen_changes.h"
#include "tests/agent/changes/wal_builder.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

constexpr RelationFork table{1663, 5, 16384, Fork::main};
constexpr RelationFork map{1663, 5, 16384, Fork::visibility};

// The references as text, or the problem.
std::string parsed(const RecordBody& body, int major_version = 15) {
  RecordContents contents;
  const Bytes record = record_bytes({.body = body.bytes()}, Lsn(8));
  const auto result =
      contents.parse(ByteView(record).first(std::min(record.size(), longest_record_head)), major_version);
  if (!result) return result.error().message;
  std::string text;
  for (const auto& reference : contents.blocks())
    text += fmt::format("{}:{} ", to_text(reference.fork), reference.block);
  return text + fmt::format("+{}", contents.main_data_length());
}

TEST(WalRecords, SayWhichBlocksTheyAreAbout) {
  EXPECT_EQ(parsed(RecordBody().block({.fork = table, .number = 7, .data_length = 30}).main_data(Bytes(14))),
            "1663/5/16384.0:7 +14");
  EXPECT_EQ(
      parsed(RecordBody().block({.id = 0, .fork = map, .number = 1}).block({.id = 2, .fork = table, .number = 9})),
      "1663/5/16384.2:1 1663/5/16384.0:9 +0");
  EXPECT_EQ(parsed(RecordBody().main_data(Bytes(70000))), "+70000");
  EXPECT_EQ(parsed(RecordBody()), "+0");
}

TEST(WalRecords, TakeTheRelationOfTheReferenceBefore) {
  RecordBody body;
  body.block({.id = 0, .fork = table, .number = 7});
  body.block({.id = 1, .fork = map, .number = 8, .more_flags = 0x80});
  EXPECT_EQ(parsed(body), "1663/5/16384.0:7 1663/5/16384.2:8 +0");
  EXPECT_EQ(parsed(RecordBody().block({.number = 7, .more_flags = 0x80})),
            "block reference 0 to the relation of none before it");
}

TEST(WalRecords, MayComeFromReplicationAndSubtransactions) {
  RecordBody body;
  body.origin().top_transaction().block({.fork = table, .number = 3}).main_data(Bytes(2));
  EXPECT_EQ(parsed(body, 14), "1663/5/16384.0:3 +2");
  EXPECT_EQ(parsed(body, 13), "a fragment of the unknown kind 252");
  EXPECT_EQ(parsed(RecordBody().origin().block({.fork = table, .number = 3}), 13), "1663/5/16384.0:3 +0");
}

TEST(WalRecords, HoldAsManyReferencesAsAServerWrites) {
  RecordBody body;
  std::string expected;
  for (std::uint8_t id = 0; id < 33; ++id) {
    body.block({.id = id, .fork = table, .number = id, .image = RecordBody::Image{}});
    expected += fmt::format("1663/5/16384.0:{} ", id);
  }
  EXPECT_EQ(parsed(body.main_data(Bytes(300))), expected + "+300");
}

struct ImageCase {
  const char* name;
  int major_version;
  RecordBody::Image image;
  const char* problem;  // "": fine
};
class BlockImages : public testing::TestWithParam<ImageCase> {};

TEST_P(BlockImages, AreSkippedAsTheirVersionWritesThem) {
  const auto& row = GetParam();
  const std::string got = parsed(
      RecordBody().block({.fork = table, .number = 4, .image = row.image}).main_data(Bytes(3)), row.major_version);
  if (*row.problem == 0) {
    EXPECT_EQ(got, "1663/5/16384.0:4 +3");
  } else {
    EXPECT_NE(got.find(row.problem), std::string::npos) << got;
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, BlockImages,
                         testing::Values(ImageCase{"WholeIn13", 13, {8192, 0, 0x04}, ""},
                                         ImageCase{"WholeIn15", 15, {8192, 0, 0x02}, ""},
                                         ImageCase{"HoleIn13", 13, {8000, 100, 0x05}, ""},
                                         ImageCase{"HoleIn15", 15, {8000, 100, 0x03}, ""},
                                         ImageCase{"CompressedIn13", 13, {900, 0, 0x06}, ""},
                                         ImageCase{"CompressedWithHoleIn14", 14, {900, 100, 0x07, 4000}, ""},
                                         ImageCase{"PglzIn15", 15, {900, 0, 0x06}, ""},
                                         ImageCase{"PglzWithHoleIn16", 16, {900, 100, 0x07, 4000}, ""},
                                         ImageCase{"Lz4In17", 17, {900, 100, 0x0B, 4000}, ""},
                                         ImageCase{"ZstdIn18", 18, {900, 100, 0x13, 4000}, ""},
                                         // What another version's rules would make of it does not add up.
                                         ImageCase{"Lz4In14", 14, {900, 100, 0x0B, 4000}, "unknown image flags 0B"},
                                         ImageCase{"UnknownIn18", 18, {900, 100, 0x23, 4000}, "unknown image flags 23"},
                                         ImageCase{"ShortWithoutReason", 15, {900, 0, 0x02}, "without a hole"},
                                         ImageCase{"HoleNowhere", 15, {8000, 0, 0x03}, "left out at 0"},
                                         ImageCase{"EmptyHole", 15, {900, 100, 0x07, 0}, "with 0 left out"},
                                         ImageCase{"TooLong", 15, {8193, 0, 0x02}, "an image of 8193"},
                                         ImageCase{"CompressedToAWholePage", 15, {8192, 0, 0x06}, "an image of 8192"}),
                         [](const auto& row) { return row.param.name; });

TEST(WalRecords, AreRefusedWhenTheyContradictThemselves) {
  RecordBody twice;
  twice.block({.id = 1, .fork = table, .number = 7}).block({.id = 1, .fork = table, .number = 8});
  EXPECT_EQ(parsed(twice), "block reference 1 after 1");
  EXPECT_EQ(parsed(RecordBody().block({.fork = table, .number = 7, .more_flags = 0x20})),
            "block reference 0 with flags 20 and 0 bytes");
  EXPECT_EQ(parsed(RecordBody().block({.fork = table, .number = 7, .more_flags = 0x04})), "unknown fork 4");
  EXPECT_EQ(parsed(RecordBody().fragment(Bytes{33, 0, 0})), "a fragment of the unknown kind 33");
  EXPECT_EQ(parsed(RecordBody().fragment(Bytes{0, 0, 0, 0, 1})), "its fragments reach over its end");
  EXPECT_EQ(parsed(RecordBody().fragment(Bytes{255, 9, 1, 2})), "its fragments announce another length than it has");
  EXPECT_EQ(parsed(RecordBody().fragment(Bytes{254, 0xFF, 0xFF, 0xFF, 0xFF})),
            "its fragments announce another length than it has");
  EXPECT_EQ(parsed(RecordBody().fragment(Bytes{255, 1, 1, 2, 3})), "its fragments announce another length than it has");
}

}  // namespace
}  // namespace holdfast
