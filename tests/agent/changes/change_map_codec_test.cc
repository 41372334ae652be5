#include <gtest/gtest.h>

#include <random>

#include "shared/postgres/crc32c.h"
#include "tests/agent/changes/naive_changes.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

constexpr RelationFork table{1663, 5, 16384, Fork::main};

// Sums the content as an honest writer would have.
Bytes sealed(Bytes content) {
  append_be(content, crc32c(content));
  return content;
}
Bytes sealed_hex(std::string_view after_magic) {
  Bytes content = to_bytes(as_bytes("HFCM0001"));
  append(content, from_hex(after_magic).value());
  return sealed(std::move(content));
}

TEST(ChangeMapCodec, GivesBackWhatWasStored) {
  EXPECT_TRUE(rc::check([] {
    ChangeMap map;
    for (const ChangeEvent& event : some_events()) event.tell(map);
    const Bytes encoded = map.encode();
    const auto decoded = ChangeMap::decode(encoded);
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == map);
    RC_ASSERT(decoded->encode() == encoded);
  }));
}

TEST(ChangeMapCodec, WritesTheExampleOfTheSpecification) {
  ChangeMap map;
  for (const std::uint32_t block : {3U, 4U, 5U, 9U}) map.block_changed(table, block);
  EXPECT_EQ(to_hex(map.encode()), to_hex(sealed_hex("0000"
                                                    "01"
                                                    "ff0c05808001"
                                                    "00"
                                                    "00"
                                                    "01"
                                                    "00"
                                                    "02"
                                                    "0701"
                                                    "04")));
}

TEST(ChangeMapCodec, KeepsDenseFullAndSparseChunks) {
  ChangeMap map;
  std::mt19937_64 random(7);
  for (std::uint32_t block = 0; block < 65'536; ++block) {
    map.block_changed(table, block);
    if (random() % 2 == 0) map.block_changed(table, 65'536 + block);
    if (random() % 300 == 0) map.block_changed(table, 3 * 65'536 + block);
  }
  map.block_changed(table, no_block - 1);
  EXPECT_EQ(ChangeMap::decode(map.encode()).value(), map);
}

TEST(ChangeMapCodec, RefusesEveryChangedByteAndEveryCut) {
  ChangeMap map;
  map.block_changed(table, 5);
  map.limited({1663, 5, 17000, Fork::main}, 9);
  map.database_replaced(1663, 9);
  map.doubted(Lsn(88), "unread");
  const Bytes good = map.encode();
  ASSERT_THAT(ChangeMap::decode(good), Succeeded());
  for (std::size_t at = 0; at < good.size(); ++at) {
    EXPECT_THAT(ChangeMap::decode(ByteView(good).first(at)), FailedWith(Code::corrupt));
    Bytes flipped = good;
    flipped[at] ^= 0x10U;
    EXPECT_THAT(ChangeMap::decode(flipped), FailedWith(Code::corrupt));
  }
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_THAT(ChangeMap::decode(longer), FailedWith(Code::corrupt));
}

struct Unsound {
  std::string_view name;
  std::string_view hex;  // after the magic, before the checksum
  std::string_view complaint;
};

TEST(ChangeMapCodec, RefusesWhatNoHonestWriterMakes) {
  const std::vector<Unsound> cases = {
      {"databases twice", "02 0105 0105 00 00", "out of order"},
      {"too many doubts", "00 41", "too many doubts"},
      {"a long reason", "00 01 0800 8102", "too long"},
      {"a doubt that wraps", "00 01 ffffffffffffffffff01 01 00", "wraps"},
      {"fork 4", "00 00 01 010203 04 00 00", "fork that there is not"},
      {"relation 0", "00 00 01 010200 00 01 00", "no relation"},
      {"no change", "00 00 01 010203 00 00 00", "without a change"},
      {"forks out of order", "00 00 02 010203 00 01 00 010203 00 01 00", "out of order"},
      {"chunk without blocks", "00 00 01 010203 00 00 01 00 00", "without blocks"},
      {"run past the chunk", "00 00 01 010203 00 00 01 00 01 808008", "leaves its chunk"},
      {"long run past the chunk", "00 00 01 010203 00 00 01 00 01 03 feff03", "leaves its chunk"},
      {"chunk past every block", "00 00 01 010203 00 00 01 808008 01 00", "past every block"},
      {"mark at the limit", "00 00 01 010203 00 03 01 00 01 04", "past the limit"},
      {"the block that is none", "00 00 01 010203 00 00 01 feff07 01 feff07", "past the limit"},
      {"a number over 32 bits", "00 00 01 8080808010 0203 00 01 00", "cut off"},
      {"something behind", "00 00 00 00", "follows"},
      {"a needless byte", "8000 00 00", "cut off"},
  };
  for (const Unsound& unsound : cases) {
    std::string hex(unsound.hex);
    std::erase(hex, ' ');
    EXPECT_THAT(ChangeMap::decode(sealed_hex(hex)), FailedWith(Code::corrupt, std::string(unsound.complaint)))
        << unsound.name;
  }
}

TEST(ChangeMapCodec, RefusesAnotherVersion) {
  EXPECT_THAT(ChangeMap::decode(sealed(to_bytes(as_bytes(std::string_view("HFCM0002\0\0\0", 11))))),
              FailedWith(Code::corrupt, "does not begin like one"));
}

TEST(ChangeMapCodec, KeepsToTheMemoryGiven) {
  ChangeMap map;
  for (std::uint32_t block = 0; block < 100 * 65'536; block += 5) map.block_changed(table, block);
  const auto tight = ChangeMap::decode(map.encode(), {.bytes = 100'000}).value();
  EXPECT_LE(tight.memory(), 100'000U);
  for (std::uint32_t block = 0; block < 100 * 65'536; block += 5) ASSERT_TRUE(tight.contains(table, block));
}

// Checksums that fit over content that does not: whatever is accepted must be sound.
TEST(ChangeMapCodec, SurvivesMutations) {
  std::mt19937_64 random(20261121);
  ChangeMap map;
  std::uint32_t accepted = 0;
  for (int round = 0; round < 30'000; ++round) {
    if (round % 300 == 0) {
      map = ChangeMap();
      for (std::uint64_t forks = random() % 5; forks > 0; --forks) {
        const RelationFork fork{1663, static_cast<std::uint32_t>(random() % 3),
                                16384 + static_cast<std::uint32_t>(forks), static_cast<Fork>(random() % 4)};
        const std::uint64_t stride = 1 + random() % 60;
        for (std::uint64_t n = 0; n < random() % 200; ++n) {
          map.block_changed(fork, static_cast<std::uint32_t>(65'500 + n * stride));
        }
        if (random() % 2 == 0) map.limited(fork, static_cast<std::uint32_t>(random() % 70'000));
      }
      if (random() % 3 == 0) map.database_replaced(1663, 77);
      if (random() % 3 == 0) map.doubted(Lsn(random()), "why");
    }
    const Bytes good = map.encode();
    Bytes content = to_bytes(ByteView(good).first(good.size() - 4));
    for (std::uint64_t changes = 1 + random() % 4; changes > 0; --changes) {
      const std::size_t at = 8 + random() % (content.size() - 8);
      switch (random() % 4) {
        case 0:
          content[at] = static_cast<std::uint8_t>(random());
          break;
        case 1:
          content.insert(content.begin() + static_cast<std::ptrdiff_t>(at), static_cast<std::uint8_t>(random()));
          break;
        case 2:
          if (content.size() > 12) content.erase(content.begin() + static_cast<std::ptrdiff_t>(at));
          break;
        default:
          content[at] ^= static_cast<std::uint8_t>(1U << (random() % 8));
      }
    }
    const auto decoded = ChangeMap::decode(sealed(content), {.bytes = 1U << 20U});
    if (!decoded) {
      ASSERT_EQ(decoded.error().code, Code::corrupt);
      continue;
    }
    ++accepted;
    ASSERT_LE(decoded->memory(), 1U << 20U);
    ASSERT_EQ(ChangeMap::decode(decoded->encode()).value(), *decoded);
  }
  EXPECT_GT(accepted, 100U) << "mutations that nothing can be told from do not test much";
}

}  // namespace
}  // namespace holdfast
