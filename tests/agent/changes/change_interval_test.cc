#include "agent/changes/change_interval.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

constexpr SystemId cluster{7'000'000'000'000'000'001};
constexpr ChangeInterval interval{Timeline(1), Lsn(0xA0F3000028), Lsn(0xA0F4B00110)};

ChangeMap some_map() {
  ChangeMap map;
  map.block_changed({1663, 5, 16384, Fork::main}, 3);
  return map;
}

TEST(ChangeIntervals, AreNamedAfterTheirPlace) {
  EXPECT_EQ(interval_name(interval), "00000001-000000A0F3000028-000000A0F4B00110");
  EXPECT_EQ(parse_interval_name("00000001-000000A0F3000028-000000A0F4B00110"), interval);
}

TEST(ChangeIntervals, RefuseOtherNames) {
  for (const char* name :
       {"", "00000001-000000A0F3000028-000000A0F4B0011", "00000001-000000a0F3000028-000000A0F4B00110",
        "00000001_000000A0F3000028-000000A0F4B00110", "00000000-000000A0F3000028-000000A0F4B00110",
        "00000001-000000A0F4B00110-000000A0F3000028", "00000001-000000A0F4B00110-000000A0F4B00110",
        "+0000001-000000A0F3000028-000000A0F4B00110", "00000001-000000A0F3000028-000000A0F4B00110x"}) {
    EXPECT_EQ(parse_interval_name(name), std::nullopt) << name;
  }
}

TEST(ChangeIntervals, AreReadOnlyForTheirClusterAndPlace) {
  const Bytes bytes = encode_interval(cluster, interval, some_map());
  EXPECT_EQ(interval_system(bytes).value(), cluster);
  EXPECT_EQ(decode_interval(bytes, cluster, interval, {}).value(), some_map());
  EXPECT_THAT(decode_interval(bytes, SystemId(8), interval, {}), FailedWith(Code::corrupt, "of the cluster 7"));
  ChangeInterval other = interval;
  other.to = other.to + 8;
  EXPECT_THAT(decode_interval(bytes, cluster, other, {}), FailedWith(Code::corrupt, "00000001-000000A0F3000028"));
}

TEST(ChangeIntervals, RefuseEveryChangedByteAndEveryCut) {
  const Bytes bytes = encode_interval(cluster, interval, some_map());
  for (std::size_t at = 0; at < bytes.size(); ++at) {
    Bytes flipped = bytes;
    flipped[at] ^= 1U;
    EXPECT_THAT(decode_interval(flipped, cluster, interval, {}), FailedWith(Code::corrupt)) << at;
    EXPECT_THAT(decode_interval(ByteView(bytes).first(at), cluster, interval, {}), FailedWith(Code::corrupt)) << at;
  }
}

}  // namespace
}  // namespace holdfast
