#include "agent/changes/wal_page.h"

#include <gtest/gtest.h>

#include "tests/agent/changes/wal_builder.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

constexpr Lsn start(16U << 20U);

class WalPages : public testing::Test {
 protected:
  Result<WalPageHeader> parse_long() const {
    return parse_page_header(ByteView(wal.bytes()).first(long_page_header_size), start, wal.segment_size());
  }
  WalBuilder wal;
};

TEST_F(WalPages, TellTheirOrigin) {
  const auto header = parse_long();
  ASSERT_THAT(header, Succeeded());
  EXPECT_EQ(header->major_version, 15);
  EXPECT_EQ(header->timeline, Timeline(1));
  EXPECT_EQ(header->system_id, SystemId(77));
  EXPECT_EQ(header->continued_bytes, 0U);
  EXPECT_FALSE(header->overwrites_continuation);
}

TEST_F(WalPages, BelongToTheVersionOfTheirMagic) {
  const std::pair<std::uint16_t, int> versions[] = {{0xD106, 13}, {0xD10D, 14}, {0xD110, 15},
                                                    {0xD113, 16}, {0xD116, 17}, {0xD118, 18}};
  for (const auto& [magic, major] : versions) EXPECT_EQ(major_of_page_magic(magic), major);
  for (const std::uint16_t magic : {0xD101, 0xD107, 0xD121, 0x06D1, 0})
    EXPECT_FALSE(major_of_page_magic(magic)) << magic;
}

TEST_F(WalPages, EitherContinueARecordOrGiveItUp) {
  wal.bytes()[16] = 8;
  wal.bytes()[2] = 2 | 1;
  EXPECT_THAT(parse_long(), Succeeded());
  wal.bytes()[2] = 2 | 1 | 8;
  EXPECT_THAT(parse_long(), FailedWith(Code::corrupt));
}

struct Damage {
  const char* name;
  std::size_t offset;
  std::uint8_t value;
  Code code;
};
class DamagedWalPages : public testing::TestWithParam<Damage> {};

TEST_P(DamagedWalPages, AreRefused) {
  WalBuilder wal;
  wal.bytes()[GetParam().offset] = GetParam().value;
  const auto header = parse_page_header(ByteView(wal.bytes()).first(long_page_header_size), start, wal.segment_size());
  EXPECT_THAT(header, FailedWith(GetParam().code));
}

INSTANTIATE_TEST_SUITE_P(
    Fields, DamagedWalPages,
    testing::Values(Damage{"Magic", 0, 0x21, Code::unsupported}, Damage{"UnknownFlag", 2, 0x12, Code::corrupt},
                    Damage{"NoLongHeader", 2, 0x00, Code::corrupt},
                    Damage{"ContinuationOfNothing", 2, 0x03, Code::corrupt},
                    Damage{"ContinuedWithoutFlag", 16, 0x08, Code::corrupt}, Damage{"Address", 11, 0x02, Code::corrupt},
                    Damage{"SegmentSize", 34, 0x20, Code::corrupt}, Damage{"BlockSize", 37, 0x40, Code::corrupt}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace holdfast
