#include "shared/postgres/wal_position.h"

#include <gtest/gtest.h>

#include <vector>

namespace holdfast {
namespace {

WalSegmentSize size_of(std::uint64_t bytes) {
  return WalSegmentSize::of(bytes).value();
}
constexpr std::uint64_t mib = 1U << 20U;

TEST(LsnText, RoundTrips) {
  for (const std::uint64_t value : {0ULL, 1ULL, 0x16B374D848ULL, 0xFFFFFFFFULL, 0x100000000ULL, ~0ULL}) {
    EXPECT_EQ(parse_lsn(to_text(Lsn(value))).value(), Lsn(value));
  }
  EXPECT_EQ(to_text(Lsn(0x16B374D848)), "16/B374D848");
  EXPECT_EQ(fmt::format("{}", Lsn(0x3000028)), "0/3000028");
}

TEST(LsnText, AcceptsLowerCaseAndLeadingZeros) {
  EXPECT_EQ(parse_lsn("a/0b").value(), Lsn(0xA0000000BULL));
  EXPECT_EQ(parse_lsn("00000000/0A000028").value(), Lsn(0xA000028));
}

TEST(LsnText, RejectsWhatTheServerRejects) {
  for (const char* text : {"", "/", "0", "0/", "/0", "0/123456789", "123456789/0", "0/G", " 0/1", "0/1 ", "-1/0",
                           "0/-1", "0/1/2", "0x1/1"}) {
    const auto parsed = parse_lsn(text);
    ASSERT_FALSE(parsed.has_value()) << text;
    EXPECT_EQ(parsed.error().code, Code::invalid) << text;
  }
}

TEST(WalSegmentSizes, ArePowersOfTwoFromOneMebibyteToOneGibibyte) {
  for (std::uint64_t bytes = mib; bytes <= 1024 * mib; bytes *= 2) EXPECT_TRUE(WalSegmentSize::of(bytes)) << bytes;
  for (const std::uint64_t bytes : std::vector<std::uint64_t>{0, 1, mib / 2, 3 * mib, 2048 * mib, ~0ULL}) {
    EXPECT_FALSE(WalSegmentSize::of(bytes)) << bytes;
  }
  EXPECT_EQ(WalSegmentSize().bytes(), 16 * mib);
}

struct NameCase {
  std::uint64_t segment_bytes;
  std::uint32_t timeline;
  std::uint64_t lsn;
  const char* name;
};

TEST(WalSegmentName, FollowsSegmentSize) {
  const NameCase cases[] = {
      {16 * mib, 1, 0x3000028, "000000010000000000000003"},
      {16 * mib, 1, 0xFFFFFFFF, "0000000100000000000000FF"},
      {16 * mib, 1, 0x100000000, "000000010000000100000000"},
      {16 * mib, 0xAB, 0x16B374D848, "000000AB00000016000000B3"},
      {1 * mib, 1, 0x16B374D848, "000000010000001600000B37"},
      {64 * mib, 2, 0x16B374D848, "00000002000000160000002C"},
      {1024 * mib, 2, 0x16B374D848, "000000020000001600000002"},
  };
  for (const auto& c : cases) {
    const auto size = size_of(c.segment_bytes);
    const WalSegment segment = segment_at(Timeline(c.timeline), Lsn(c.lsn), size);
    EXPECT_EQ(segment_name(segment, size), c.name);
    EXPECT_EQ(parse_segment_name(c.name, size).value(), segment);
    EXPECT_LE(start_of(segment, size), Lsn(c.lsn));
    EXPECT_GT(end_of(segment, size), Lsn(c.lsn));
  }
}

TEST(WalSegmentName, BoundaryBelongsToTheNextSegmentAndIsReachedByTheOneBefore) {
  const WalSegmentSize size;
  EXPECT_EQ(segment_at(Timeline(1), Lsn(0x4000000), size).number, 4U);
  EXPECT_EQ(segment_before(Timeline(1), Lsn(0x4000000), size).number, 3U);
  EXPECT_EQ(segment_before(Timeline(1), Lsn(0x4000001), size).number, 4U);
}

TEST(WalSegmentName, RejectsLowerCaseHex) {
  EXPECT_FALSE(parse_segment_name("0000000a0000000000000003", WalSegmentSize()));
}

TEST(WalSegmentName, RejectsWhatIsNoSegment) {
  for (const char* name : {"", "00000001000000000000000", "0000000100000000000000030", "000000000000000000000003",
                           "000000010000000000000100", "00000001.history", "00000001000000000000000G"}) {
    EXPECT_FALSE(parse_segment_name(name, WalSegmentSize())) << name;
  }
  // Fits a cluster with smaller segments.
  EXPECT_TRUE(parse_segment_name("000000010000000000000100", size_of(mib)));
}

TEST(WalFileNames, AreTold) {
  struct Case {
    const char* name;
    WalFileKind kind;
    std::uint32_t timeline;
    const char* segment;
  };
  const Case cases[] = {
      {"000000010000000000000003", WalFileKind::segment, 1, "000000010000000000000003"},
      {"0000000A.history", WalFileKind::history, 10, ""},
      {"000000020000000000000003.partial", WalFileKind::partial, 2, "000000020000000000000003"},
      {"000000010000000000000003.00000028.backup", WalFileKind::backup_history, 1, "000000010000000000000003"},
  };
  for (const auto& c : cases) {
    const auto told = classify_wal_file(c.name).value();
    EXPECT_EQ(told.kind, c.kind) << c.name;
    EXPECT_EQ(told.timeline, Timeline(c.timeline)) << c.name;
    EXPECT_EQ(told.segment, c.segment) << c.name;
  }
  EXPECT_EQ(history_name(Timeline(10)), "0000000A.history");
}

TEST(WalFileNames, RefuseEverythingElse) {
  for (const char* name :
       {"", "..", "0000000a.history", "00000000.history", "00000001.HISTORY", "000000010000000000000003.",
        "000000010000000000000003.partial2", "000000010000000000000003.0000002x.backup", "archive_status",
        "000000010000000000000003.00000028.backup.gz", "../../etc/passwd", "000000010000000000000003/"}) {
    EXPECT_FALSE(classify_wal_file(name)) << name;
  }
}

TEST(SystemIds, AreDecimal) {
  EXPECT_EQ(parse_system_id("7300000000000000001").value(), SystemId(7300000000000000001ULL));
  for (const char* text : {"", "0x1", "-1", "99999999999999999999", "1 "}) EXPECT_FALSE(parse_system_id(text)) << text;
}

}  // namespace
}  // namespace holdfast
