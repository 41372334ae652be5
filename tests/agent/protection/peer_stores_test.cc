#include "agent/protection/peer_stores.h"

#include <gtest/gtest.h>

#include "agent/protection/store_access.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/vault_host.h"

namespace holdfast {
namespace {

class OpenedVaults : public testing::Test {
 protected:
  StoreInfo info(GrantUse use, std::vector<GrantRule> rules) {
    VaultGrant grant = host_.grant(host_.client.public_key, std::move(rules));
    grant.use = use;
    StoreInfo out;
    out.id = host_.duty.store;
    out.name = "spare";
    out.kind = StoreKind::peer;
    out.peer.endpoint = host_.address().endpoint;
    out.peer.server = host_.address().server;
    out.peer.grant = host_.issued(grant);
    return out;
  }

  VaultHost host_;
  PeerStores peers_{host_.context, host_.clock, host_.client};
};

// A WAL receiver holds its stores for weeks.
TEST_F(OpenedVaults, GetARenewedGrantWhereTheyAreHeld) {
  const auto held = peers_.open(info(GrantUse::standing, {})).value();
  ASSERT_THAT(held->put("a/1", as_bytes("x")), FailedWith(Code::denied));
  const auto again = peers_.open(info(GrantUse::standing, {{"a/", GrantVerb::put}})).value();
  EXPECT_EQ(held, again);
  EXPECT_THAT(held->put("a/1", as_bytes("x")), Succeeded());
}

TEST_F(OpenedVaults, OfAnOrderAreOpenedBesideTheStandingOnes) {
  const auto held = peers_.open(info(GrantUse::standing, {{"a/", GrantVerb::put}})).value();
  ASSERT_THAT(held->put("a/1", as_bytes("x")), Succeeded());
  const auto ordered = peers_.open(info(GrantUse::order, {{"a/", GrantVerb::get}})).value();
  EXPECT_THAT(ordered->get("a/1"), Succeeded());
  EXPECT_THAT(held->get("a/1"), FailedWith(Code::denied));
  EXPECT_THAT(held->put("a/2", as_bytes("x")), Succeeded());
}

TEST_F(OpenedVaults, WithoutAGrantSayThatThereIsNone) {
  StoreInfo bare = info(GrantUse::standing, {});
  bare.peer.grant.clear();
  const auto store = peers_.open(bare);
  ASSERT_THAT(store, Succeeded());
  EXPECT_THAT((*store)->put("a/1", as_bytes("x")), FailedWith(Code::denied, "no grant"));
}

TEST_F(OpenedVaults, AreAmongTheStoresOfTheAgent) {
  StoreAccess access({host_.files, host_.clock, host_.entropy}, host_.directory / "stores");
  const StoreInfo spare = info(GrantUse::standing, {{"a/", GrantVerb::put}});
  EXPECT_THAT(access.open(spare), FailedWith(Code::unsupported));
  access.reach_peers_by(peers_);
  ASSERT_THAT(access.open(spare), Succeeded());
  EXPECT_THAT(access.open_all({spare}, 1).value().put("a/1", as_bytes("x")), Succeeded());
}

}  // namespace
}  // namespace holdfast
