#include "shared/crypto/keys.h"

#include <gtest/gtest.h>

#include "shared/crypto/secret_text.h"
#include "shared/crypto/sha256_stream.h"
#include "shared/os/system_entropy.h"

namespace holdfast {
namespace {

TEST(Sha256, FitsThePublishedValueOfAbc) {
  EXPECT_EQ(to_hex(sha256(as_bytes("abc"))), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256({})), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Signature, FitsOnlyItsKeyContextAndMessage) {
  SystemEntropy entropy;
  const SignKeyPair key = make_sign_key(entropy);
  const SignKeyPair other = make_sign_key(entropy);
  const Signature signature = sign(key, "purpose", as_bytes("message"));
  EXPECT_TRUE(verify_signature(key.public_key, "purpose", as_bytes("message"), signature));
  EXPECT_EQ(verify_signature(other.public_key, "purpose", as_bytes("message"), signature).error().code, Code::denied);
  EXPECT_EQ(verify_signature(key.public_key, "other", as_bytes("message"), signature).error().code, Code::denied);
  EXPECT_EQ(verify_signature(key.public_key, "purpose", as_bytes("massage"), signature).error().code, Code::denied);
  Signature altered = signature;
  altered[10] ^= 1;
  EXPECT_EQ(verify_signature(key.public_key, "purpose", as_bytes("message"), altered).error().code, Code::denied);
}

TEST(Signature, DoesNotFitWhenContextAndMessageAreCutElsewhere) {
  SystemEntropy entropy;
  const SignKeyPair key = make_sign_key(entropy);
  const Signature signature = sign(key, "ab", as_bytes("c"));
  EXPECT_FALSE(verify_signature(key.public_key, "a", as_bytes("bc"), signature));
}

TEST(Seal, OpensOnlyForItsRecipient) {
  SystemEntropy entropy;
  const BoxKeyPair recipient = make_box_key(entropy);
  const BoxKeyPair other = make_box_key(entropy);
  Bytes sealed = seal(recipient.public_key, as_bytes("data key"));
  EXPECT_EQ(sealed.size(), 8U + 48U);
  EXPECT_EQ(as_text(*open_sealed(recipient, sealed)), "data key");
  EXPECT_EQ(open_sealed(other, sealed).error().code, Code::denied);
  sealed.back() ^= 1;
  EXPECT_EQ(open_sealed(recipient, sealed).error().code, Code::denied);
  EXPECT_EQ(open_sealed(recipient, Bytes(47)).error().code, Code::denied);
}

TEST(KeyedHash, DependsOnKeyContextAndMessage) {
  const Bytes key(32, 1);
  const Bytes other(32, 2);
  const auto hash = keyed_hash(key, "context", as_bytes("message"));
  EXPECT_EQ(hash, keyed_hash(key, "context", as_bytes("message")));
  EXPECT_NE(hash, keyed_hash(other, "context", as_bytes("message")));
  EXPECT_NE(hash, keyed_hash(key, "contextm", as_bytes("essage")));
  EXPECT_NE(hash, keyed_hash(key, "context", as_bytes("messagf")));
}

// RFC 4231, test cases 1, 2 and 6.
TEST(HmacSha256, FitsTheRfcsTestCases) {
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(20, 0x0b), as_bytes("Hi There"))),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  EXPECT_EQ(to_hex(hmac_sha256(as_bytes("Jefe"), as_bytes("what do ya want for nothing?"))),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(to_hex(hmac_sha256(Bytes(131, 0xaa), as_bytes("Test Using Larger Than Block-Size Key - Hash Key First"))),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  // Nothing at all, where a library may find no address.
  EXPECT_EQ(to_hex(hmac_sha256({}, {})), "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

TEST(SecretText, IsEmptiedByMovingFromIt) {
  SecretText first("short");
  const SecretText second = std::move(first);
  EXPECT_EQ(as_text(second.bytes()), "short");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the promise
}

TEST(Secret, IsEmptiedByMovingFromIt) {
  Secret<32> first = *Secret<32>::from_bytes(Bytes(32, 7));
  const Secret<32> second = std::move(first);
  EXPECT_EQ(to_bytes(second.bytes()), Bytes(32, 7));
  EXPECT_EQ(to_bytes(first.bytes()), Bytes(32, 0));  // NOLINT(bugprone-use-after-move): that is the promise
  EXPECT_EQ(Secret<32>::from_bytes(Bytes(31)).error().code, Code::invalid);
}

TEST(Sha256Stream, IsTheSameHoweverTheContentIsCut) {
  Sha256Stream stream;
  for (const std::string_view piece : {"a", "", "bc"}) stream.add(as_bytes(piece));
  EXPECT_EQ(stream.finish(), sha256(as_bytes("abc")));
  EXPECT_EQ(Sha256Stream().finish(), sha256({}));
}

TEST(PublicKey, TakesExactlyThirtyTwoBytes) {
  EXPECT_TRUE(SignPublicKey::from_bytes(Bytes(32)));
  EXPECT_FALSE(SignPublicKey::from_bytes(Bytes(33)));
  EXPECT_TRUE(SignPublicKey().is_none());
}

}  // namespace
}  // namespace holdfast
