#include <gtest/gtest.h>

#include "shared/wire/vault_messages.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

// One of each, with values that differ from the defaults.
std::vector<VaultBody> one_of_each() {
  Sha256 digest{};
  digest.fill(9);
  return {VaultHello{{1, 2, 3}},
          VaultPut{"a/b", 5, digest},
          VaultGet{"a/b"},
          VaultGetRange{"a/b", 3, 4},
          VaultList{"a/"},
          VaultListParts{"a/"},
          VaultStat{"a/b"},
          VaultRemove{"a/b"},
          VaultCheck{},
          VaultAskSpace{},
          VaultChunk{77},
          VaultCredit{88},
          VaultWelcome{1, 2},
          VaultContent{99},
          VaultFound{true, 6},
          VaultSpaceIs{7, 8},
          VaultDone{},
          VaultRefused{{Code::exhausted, "full", "empty it"}},
          VaultBusy{}};
}

TEST(VaultCodec, GivesBackEveryKindOfMessage) {
  const auto all = one_of_each();
  ASSERT_EQ(all.size(), std::variant_size_v<VaultBody>);
  for (std::size_t i = 0; i < all.size(); ++i) {
    ASSERT_EQ(all[i].index(), i);
    const Bytes bytes = encode_vault_message({42, all[i]});
    const auto back = decode_vault_message(bytes);
    ASSERT_THAT(back, Succeeded()) << i;
    EXPECT_EQ(back->id, 42U);
    EXPECT_EQ(back->body.index(), i);
    EXPECT_EQ(encode_vault_message(*back), bytes) << i;
  }
}

TEST(VaultCodec, KeepsTheValues) {
  const auto put = std::get<VaultPut>(decode_vault_message(encode_vault_message({1, one_of_each()[1]}))->body);
  EXPECT_EQ(put.name, "a/b");
  EXPECT_EQ(put.size, 5U);
  EXPECT_EQ(put.sha256[31], 9);
  const auto refused = std::get<VaultRefused>(decode_vault_message(encode_vault_message({1, one_of_each()[17]}))->body);
  EXPECT_EQ(refused.error.code, Code::exhausted);
  EXPECT_EQ(refused.error.message, "full");
  EXPECT_EQ(refused.error.hint, "empty it");
}

TEST(VaultCodec, RefusesWhatIsTooLong) {
  EXPECT_THAT(decode_vault_message(encode_vault_message({1, VaultGet{std::string(9000, 'a')}})),
              FailedWith(Code::invalid, "too long"));
  EXPECT_THAT(decode_vault_message(encode_vault_message({1, VaultHello{Bytes(100'000)}})), FailedWith(Code::invalid));
  EXPECT_THAT(decode_vault_message(encode_vault_message({1, VaultHello{Bytes(100'000)}}), vault_hello_limit),
              Succeeded());
}

TEST(VaultCodec, ShortensWhatARefusalSaysRatherThanSendTooMuch) {
  const Bytes bytes = encode_vault_message({1, VaultRefused{{Code::corrupt, std::string(50'000, 'm'), {}}}});
  ASSERT_THAT(decode_vault_message(bytes), Succeeded());
}

TEST(VaultCodec, NeverThrowsForBytesThatAreNoMessage) {
  for (const VaultBody& body : one_of_each()) {
    const Bytes good = encode_vault_message({1, body});
    for (std::size_t length = 0; length < good.size(); ++length) {
      EXPECT_FALSE(decode_vault_message(ByteView(good).first(length))) << length;
    }
    for (std::size_t i = 0; i < good.size(); ++i) {
      for (const std::uint8_t mask : {1, 0x80, 0xff}) {
        Bytes bad = good;
        bad[i] ^= mask;
        (void)decode_vault_message(bad).has_value();
      }
    }
    Bytes longer = good;
    longer.insert(longer.end(), 8, 0);
    EXPECT_THAT(decode_vault_message(longer), FailedWith(Code::invalid));
  }
}

}  // namespace
}  // namespace holdfast
