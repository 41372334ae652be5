#include "shared/base/bytes.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

TEST(Hex, IsLowerCaseBothWays) {
  const Bytes bytes{0x00, 0x7f, 0xab, 0xff};
  EXPECT_EQ(to_hex(bytes), "007fabff");
  EXPECT_EQ(from_hex("007fabff").value(), bytes);
}

class BadHex : public testing::TestWithParam<const char*> {};
TEST_P(BadHex, IsRefused) {
  EXPECT_THAT(from_hex(GetParam()), FailedWith(Code::invalid));
}
INSTANTIATE_TEST_SUITE_P(Texts, BadHex, testing::Values("0", "AB", "0g", "0x", " 00", "00 "));

// RFC 4648 section 10, without padding.
TEST(Base64Url, FitsTheVectorsOfItsRfc) {
  const std::vector<std::pair<std::string_view, std::string>> vectors{
      {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
      {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
  for (const auto& [plain, text] : vectors) {
    EXPECT_EQ(to_base64url(as_bytes(plain)), text);
    EXPECT_EQ(as_text(from_base64url(text).value()), plain);
  }
  EXPECT_EQ(to_base64url(Bytes{0xfb, 0xff}), "-_8");
}

class BadBase64Url : public testing::TestWithParam<const char*> {};
TEST_P(BadBase64Url, IsRefused) {
  EXPECT_THAT(from_base64url(GetParam()), FailedWith(Code::invalid));
}
INSTANTIATE_TEST_SUITE_P(Texts, BadBase64Url,
                         testing::Values("A", "Zg==", "Zh", "Zm9", "+/8A", "Zm 9v", "Zm9v\n", "Zm9v.mE"));

TEST(Integers, AreBigEndianInKeysSoThatOrderIsTheirOrder) {
  Bytes low;
  Bytes high;
  append_be(low, std::uint64_t{255});
  append_be(high, std::uint64_t{256});
  EXPECT_LT(low, high);
  EXPECT_EQ(read_be<std::uint64_t>(high), 256U);
}

TEST(Integers, LittleEndianRoundTrip) {
  Bytes bytes;
  append_le(bytes, std::uint32_t{0x01020304});
  EXPECT_EQ(bytes, (Bytes{4, 3, 2, 1}));
  EXPECT_EQ(read_le<std::uint32_t>(bytes), 0x01020304U);
}

TEST(ConstantTimeComparison, SeesADifferenceAnywhere) {
  const Bytes a{1, 2, 3};
  EXPECT_TRUE(equal_constant_time(a, Bytes{1, 2, 3}));
  EXPECT_FALSE(equal_constant_time(a, Bytes{0, 2, 3}));
  EXPECT_FALSE(equal_constant_time(a, Bytes{1, 2, 4}));
  EXPECT_FALSE(equal_constant_time(a, Bytes{1, 2}));
}

}  // namespace
}  // namespace holdfast
