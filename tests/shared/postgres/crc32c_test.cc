#include "shared/postgres/crc32c.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

TEST(Crc32c, MatchesPublishedValues) {
  EXPECT_EQ(crc32c(as_bytes("123456789")), 0xE3069283U);
  EXPECT_EQ(crc32c(Bytes(32, 0)), 0x8A9136AAU);  // RFC 3720 B.4
  EXPECT_EQ(crc32c(Bytes(32, 0xFF)), 0x62A8AB43U);
  EXPECT_EQ(crc32c({}), 0U);
}

TEST(Crc32c, GoesOnWhereItStopped) {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  const auto whole = crc32c(as_bytes(text));
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(crc32c(as_bytes(text.substr(cut)), crc32c(as_bytes(text.substr(0, cut)))), whole) << cut;
  }
}

TEST(Crc32c, IsTheSameWithAndWithoutTheProcessorsInstruction) {
  Bytes bytes;
  for (std::uint32_t i = 0; i < 300; ++i) bytes.push_back(static_cast<std::uint8_t>(i * 167 + (i >> 3)));
  for (std::size_t from = 0; from < 9; ++from) {
    for (std::size_t size = 0; size + from <= bytes.size(); ++size) {
      const ByteView part = ByteView(bytes).subspan(from, size);
      ASSERT_EQ(crc32c(part, 7), crc32c_portable(part, 7)) << from << "+" << size;
    }
  }
}

}  // namespace
}  // namespace holdfast
