#include "shared/identity/token.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace holdfast {
namespace {

using testing::HasSubstr;

template <std::size_t N>
std::array<std::uint8_t, N> counting(std::uint8_t from) {
  std::array<std::uint8_t, N> out{};
  for (auto& byte : out) byte = from++;
  return out;
}

TokenText sample() {
  TokenText token;
  token.id = TokenId(counting<16>(1));
  token.secret = Secret<32>::from_bytes(counting<32>(50)).value();
  token.enrol_server = CurvePublicKey(counting<32>(100));
  token.root = SignPublicKey(counting<32>(150));
  token.endpoints = {"tcp://backup.example:7401", "tcp://192.0.2.7:7401"};
  token.expires_at = Timestamp::from_micros(1'800'000'000'000'000);
  token.labels = {{"env", "prod"}, {"zone", "a"}};
  token.cidrs = {"10.0.0.0/8"};
  return token;
}

TEST(Token, KeepsEverything) {
  const TokenText token = sample();
  const std::string text = encode_token(token);
  EXPECT_TRUE(text.starts_with("hf1."));
  const auto decoded = decode_token(text);
  ASSERT_TRUE(decoded) << decoded.error().text();
  EXPECT_EQ(decoded->id, token.id);
  EXPECT_TRUE(std::ranges::equal(decoded->secret.bytes(), token.secret.bytes()));
  EXPECT_EQ(decoded->enrol_server, token.enrol_server);
  EXPECT_EQ(decoded->root, token.root);
  EXPECT_EQ(decoded->endpoints, token.endpoints);
  EXPECT_EQ(decoded->expires_at, token.expires_at);
  EXPECT_EQ(decoded->labels, token.labels);
  EXPECT_EQ(decoded->cidrs, token.cidrs);
}

TEST(Token, IsRefusedWithItsReason) {
  const std::string good = encode_token(sample());
  std::string altered = good;
  altered[40] = altered[40] == 'A' ? 'B' : 'A';
  struct Case {
    std::string_view name;
    std::string text;
    std::string_view reason;
  };
  const Case cases[] = {
      {"empty", "", "not a token"},
      {"foreign", "eyJhbGciOiJIUzI1NiJ9.e30.abc", "not a token"},
      {"without prefix", good.substr(4), "not a token"},
      {"upper case prefix", "HF1." + good.substr(4), "not a token"},
      {"next version", "hf2." + good.substr(4), "version"},
      {"two-digit version", "hf12." + good.substr(4), "version"},
      {"prefix alone", "hf1.", "cut off"},
      {"half", good.substr(0, good.size() / 2), "cut off"},
      {"altered", altered, "checksum"},
      {"longer", good + "AAAA", "behind its end"},
      {"one character longer", good + "A", "behind its end"},
      {"line end", good + "\n", "characters"},
      {"space in the middle", good.substr(0, 60) + " " + good.substr(60), "characters"},
      {"padding", good + "==", "characters"},
  };
  for (const Case& c : cases) {
    const auto decoded = decode_token(c.text);
    ASSERT_FALSE(decoded) << c.name;
    EXPECT_EQ(decoded.error().code, Code::invalid) << c.name;
    EXPECT_THAT(decoded.error().message, HasSubstr(c.reason)) << c.name;
    EXPECT_FALSE(decoded.error().hint.empty()) << c.name;
  }
}

TEST(Token, SaysOfEachCutThatItIsCut) {
  const std::string good = encode_token(sample());
  for (std::size_t size = 4; size < good.size(); ++size) {
    const auto decoded = decode_token(good.substr(0, size));
    ASSERT_FALSE(decoded) << size;
    EXPECT_THAT(decoded.error().message, HasSubstr("cut off")) << size;
  }
}

TEST(Token, FindsEachAlteredCharacter) {
  const std::string good = encode_token(sample());
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = bad[i] == 'x' ? 'y' : 'x';
    EXPECT_FALSE(decode_token(bad)) << i;
  }
}

TEST(Token, NeverRepeatsItsTextInAnError) {
  const std::string good = encode_token(sample());
  const auto decoded = decode_token(good.substr(0, 80));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().text().find(good.substr(4, 12)), std::string::npos);
}

TEST(Token, NeedsAnEndpoint) {
  TokenText token = sample();
  token.endpoints.clear();
  EXPECT_FALSE(decode_token(encode_token(token)));
}

TEST(TokenVerifier, DependsOnIdAndSecret) {
  const TokenText token = sample();
  const auto verifier = token_verifier(token.id, token.secret);
  EXPECT_NE(verifier, token_verifier(TokenId(counting<16>(2)), token.secret));
  EXPECT_NE(verifier, token_verifier(token.id, Secret<32>::from_bytes(counting<32>(51)).value()));
  EXPECT_FALSE(std::ranges::equal(verifier, token.secret.bytes()));
}

TEST(EnrolmentMac, CoversEachPartOfTheTranscript) {
  const auto verifier = counting<32>(9);
  EnrolmentTranscript base;
  base.facts = encode_facts({"db1", "Debian"});
  std::set<std::array<std::uint8_t, 32>> macs = {enrolment_mac(verifier, base), enrolment_mac(counting<32>(8), base)};
  const auto with = [&](auto change) {
    EnrolmentTranscript other = base;
    change(other);
    macs.insert(enrolment_mac(verifier, other));
  };
  with([](auto& t) { t.token = TokenId(counting<16>(1)); });
  with([](auto& t) { t.client_nonce = counting<32>(1); });
  with([](auto& t) { t.server_nonce = counting<32>(1); });
  with([](auto& t) { t.curve = CurvePublicKey(counting<32>(1)); });
  with([](auto& t) { t.signer = SignPublicKey(counting<32>(1)); });
  with([](auto& t) { t.recipient = BoxPublicKey(counting<32>(1)); });
  with([](auto& t) { t.facts = encode_facts({"db1", "Debian", ""}); });
  EXPECT_EQ(macs.size(), 9U);
}

TEST(EncodedFacts, TellApartWhereTextsEnd) {
  EXPECT_NE(encode_facts({"ab", "c"}), encode_facts({"a", "bc"}));
  EXPECT_NE(encode_facts({}), encode_facts({""}));
}

}  // namespace
}  // namespace holdfast
