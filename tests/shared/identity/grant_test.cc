#include "shared/identity/grant.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/base/byte_reader.h"
#include "shared/os/system_entropy.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

constexpr GrantVerbs writer = GrantVerb::put | GrantVerb::list;

class Grant : public testing::Test {
 protected:
  VaultGrant grant(std::vector<GrantRule> rules) const {
    return {fleet, store, holder, GrantUse::order, 7, now, now + std::chrono::hours(1), std::move(rules)};
  }
  Bytes issued(const VaultGrant& of) const { return issue_grant(certificate, intermediate, of); }
  Result<VaultGrant> verified(const Bytes& bytes) const {
    return verify_grant(bytes, {root.public_key, fleet, holder}, now);
  }
  bool may_put(const std::string& where, const std::string& name) const {
    return grant_allows(grant({{where, GrantVerb::put}}), GrantVerb::put, name);
  }
  bool may_list(const std::string& where, const std::string& prefix) const {
    return grant_allows_below(grant({{where, GrantVerb::list}}), GrantVerb::list, prefix);
  }

  SystemEntropy entropy;
  SignKeyPair root = make_sign_key(entropy);
  SignKeyPair intermediate = make_sign_key(entropy);
  FleetId fleet = entropy.id<FleetId>();
  StoreId store = entropy.id<StoreId>();
  CurvePublicKey holder = make_curve_key(entropy).public_key;
  Timestamp now = Timestamp::from_micros(1'700'000'000'000'000);
  SignedBytes certificate =
      issue_intermediate(root, {fleet, intermediate.public_key, now, now + std::chrono::hours(1000)});
};

TEST_F(Grant, IsReadAsItWasGiven) {
  const VaultGrant given = grant({{"a/", writer}, {"b/*/record", GrantVerb::get}, {"", GrantVerb::stat}});
  const auto read = verified(issued(given));
  ASSERT_THAT(read, Succeeded());
  EXPECT_EQ(*read, given);
  EXPECT_EQ(peek_grant(issued(given)).value(), given);
}

TEST_F(Grant, IsTheSameBytesForTheSameContent) {
  EXPECT_EQ(issued(grant({{"a/", writer}})), issued(grant({{"a/", writer}})));
}

TEST_F(Grant, IsRefusedWhenOneBitIsOther) {
  const Bytes good = issued(grant({{"a/", writer}}));
  for (std::size_t i = 0; i < good.size(); ++i) {
    Bytes bad = good;
    bad[i] ^= 1U;
    EXPECT_THAT(verified(bad), FailedWith(Code::denied)) << "byte " << i;
  }
  EXPECT_THAT(verified(Bytes(good.begin(), good.end() - 1)), FailedWith(Code::denied));
  EXPECT_THAT(verified({}), FailedWith(Code::denied));
  Bytes longer = good;
  longer.push_back(0);
  EXPECT_THAT(verified(longer), FailedWith(Code::denied));
}

TEST_F(Grant, IsRefusedWhenItsHolderSignedItHimself) {
  const SignKeyPair own = make_sign_key(entropy);
  const auto own_certificate = issue_intermediate(own, {fleet, own.public_key, now, now + std::chrono::hours(9)});
  EXPECT_THAT(verified(issue_grant(own_certificate, own, grant({{"", writer}}))), FailedWith(Code::denied));
  // The fleet's certificate beside a signature that is not its key's.
  EXPECT_THAT(verified(issue_grant(certificate, own, grant({{"", writer}}))), FailedWith(Code::denied));
}

TEST_F(Grant, IsNotTakenFromTheSignatureOfACertificate) {
  SignedBytes forged = issue_node(intermediate, {fleet, NodeId(), "n", holder, root.public_key, BoxPublicKey(), 1, now,
                                                 now + std::chrono::hours(1)});
  Bytes bytes = to_bytes(as_bytes("HFVC0001"));
  append_counted<std::uint32_t>(bytes, certificate.encode());
  append_counted<std::uint32_t>(bytes, forged.encode());
  EXPECT_THAT(verified(bytes), FailedWith(Code::denied));
}

TEST_F(Grant, EndsWithItsTimeAndWithItsSigners) {
  const Bytes bytes = issued(grant({{"a/", writer}}));
  const auto at = [&](Micros later) { return verify_grant(bytes, {root.public_key, fleet, holder}, now + later); };
  EXPECT_THAT(at(std::chrono::minutes(59)), Succeeded());
  EXPECT_THAT(at(std::chrono::minutes(60)), FailedWith(Code::denied, "expired"));
  VaultGrant longer = grant({});
  longer.expires = now + std::chrono::hours(2000);
  EXPECT_THAT(verify_grant(issued(longer), {root.public_key, fleet, holder}, now + std::chrono::hours(1500)),
              FailedWith(Code::denied, "expired"));
}

TEST_F(Grant, IsOfNoUseToAnotherKey) {
  const auto other = make_curve_key(entropy).public_key;
  EXPECT_THAT(verify_grant(issued(grant({})), {root.public_key, fleet, other}, now),
              FailedWith(Code::denied, "another key"));
}

TEST_F(Grant, IsOfNoUseInAnotherFleet) {
  const auto other = entropy.id<FleetId>();
  EXPECT_THAT(verify_grant(issued(grant({})), {root.public_key, other, holder}, now),
              FailedWith(Code::denied, "another fleet"));
  // Signed by our fleet's key, but naming another one.
  VaultGrant foreign = grant({});
  foreign.fleet = other;
  EXPECT_THAT(verify_grant(issued(foreign), {root.public_key, other, holder}, now), FailedWith(Code::denied));
}

TEST_F(Grant, CoversWholePartsOfNames) {
  EXPECT_TRUE(may_put("ab/", "ab/c"));
  EXPECT_TRUE(may_put("ab/", "ab/c/d"));
  EXPECT_FALSE(may_put("ab/", "ab"));
  EXPECT_FALSE(may_put("ab/", "abc/d"));
  EXPECT_FALSE(may_put("ab", "abc"));
  EXPECT_FALSE(may_put("ab", "abc/d"));
  EXPECT_FALSE(may_put("ab", "ab/c"));
  EXPECT_FALSE(may_put("ab/", "x/ab/c"));
  EXPECT_TRUE(may_put("ab", "ab"));
  EXPECT_TRUE(may_put("", "anything/at/all"));
}

TEST_F(Grant, LetsAStarStandForOnePart) {
  EXPECT_TRUE(may_put("a/*/record", "a/1/record"));
  EXPECT_FALSE(may_put("a/*/record", "a/record"));
  EXPECT_FALSE(may_put("a/*/record", "a/1/2/record"));
  EXPECT_FALSE(may_put("a/*/record", "a/1/records"));
  EXPECT_FALSE(may_put("a/*/record", "a/1/record/x"));
  EXPECT_TRUE(may_put("a/*/", "a/1/x"));
}

TEST_F(Grant, ListsOnlyWhatLiesBelowARule) {
  EXPECT_TRUE(may_list("ab/", "ab/"));
  EXPECT_TRUE(may_list("ab/", "ab/c"));
  EXPECT_FALSE(may_list("ab/", "ab"));
  EXPECT_FALSE(may_list("ab/", "a"));
  EXPECT_FALSE(may_list("ab/", ""));
  EXPECT_FALSE(may_list("ab/", "abc/"));
  EXPECT_FALSE(may_list("ab", "ab"));
  EXPECT_FALSE(may_list("a/*/", "a/1/"));
  EXPECT_TRUE(may_list("", ""));
}

TEST_F(Grant, GivesEachVerbForItself) {
  const VaultGrant given = grant({{"a/", GrantVerb::put | GrantVerb::stat}, {"b/", GrantVerb::get}});
  EXPECT_TRUE(grant_allows(given, GrantVerb::stat, "a/1"));
  EXPECT_FALSE(grant_allows(given, GrantVerb::get, "a/1"));
  EXPECT_FALSE(grant_allows(given, GrantVerb::remove, "a/1"));
  EXPECT_FALSE(grant_allows(given, GrantVerb::put, "b/1"));
}

TEST_F(Grant, CannotBeGivenForWhatIsNoName) {
  for (const char* where : {"/", "a//b", "../", "a/../b", "a b", "**", "a/x*"}) {
    EXPECT_THROW(issued(grant({{where, writer}})), std::invalid_argument) << where;
  }
}

}  // namespace
}  // namespace holdfast
