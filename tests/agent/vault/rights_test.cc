// What a key may do in a vault, and what a stolen one may not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/harness/result_matchers.h"
#include "tests/harness/vault_host.h"

namespace holdfast {
namespace {

using testing::ElementsAre;

// As the coordinator gives them to whoever writes database `a`.
std::vector<GrantRule> writer_of_a() {
  return {{"a/", GrantVerb::put | GrantVerb::list | GrantVerb::stat},
          {"a/wal/", GrantVerb::get},
          {"a/backups/*/record", GrantVerb::get},
          {"fleet.record", GrantVerb::put | GrantVerb::stat}};
}

class VaultRights : public testing::Test {
 protected:
  VaultRights() {
    owner_ = host_.store_of_owner();
    for (const char* name : {"a/epochs/1.keys", "a/backups/1/pack-0000", "a/backups/1/record", "a/wal/1/0-1",
                             "b/backups/2/pack-0000", "b/wal/1/0-1", "fleet.record"}) {
      EXPECT_THAT(owner_->put(name, as_bytes("content")), Succeeded());
    }
    before_ = everything();
    thief_ = host_.store_with(writer_of_a());
  }
  std::vector<ObjectInfo> objects() { return owner_->list("").value(); }
  std::vector<std::string> everything() {
    std::vector<std::string> out;
    for (const auto& object : objects()) {
      out.push_back(object.name + " " + std::string(as_text(owner_->get(object.name).value())));
    }
    return out;
  }

  VaultHost host_;
  std::shared_ptr<PeerStore> owner_;
  std::shared_ptr<PeerStore> thief_;
  std::vector<std::string> before_;
};

TEST_F(VaultRights, AWriterPutsListsAndLooks) {
  EXPECT_THAT(thief_->put("a/backups/3/pack-0000", as_bytes("new")), Succeeded());
  EXPECT_EQ(thief_->list("a/backups/").value().size(), 3U);
  EXPECT_EQ(thief_->stat("a/backups/1/pack-0000").value()->size, 7U);
  EXPECT_THAT(thief_->list_parts("a/").value(), ElementsAre("backups/", "epochs/", "wal/"));
  EXPECT_THAT(thief_->put("fleet.record", as_bytes("content")), Succeeded());
  EXPECT_THAT(thief_->check(), Succeeded());
  EXPECT_THAT(thief_->space(), Succeeded());
}

// What it needs to go on after a crash; sealed, and the keys to it are not among it.
TEST_F(VaultRights, AWriterReadsItsLogAndRecordsAndNothingElse) {
  EXPECT_THAT(thief_->get("a/wal/1/0-1"), Succeeded());
  EXPECT_THAT(thief_->get("a/backups/1/record"), Succeeded());
  for (const char* name : {"a/epochs/1.keys", "a/backups/1/pack-0000", "b/backups/2/pack-0000", "b/wal/1/0-1",
                           "fleet.record", "a/backups/1/record/x"}) {
    EXPECT_THAT(thief_->get(name), FailedWith(Code::denied, name)) << name;
    EXPECT_THAT(thief_->get_range(name, 0, 1), FailedWith(Code::denied, name)) << name;
  }
}

TEST_F(VaultRights, StolenStateRemovesNothing) {
  for (const auto& object : objects()) {
    EXPECT_THAT(thief_->remove(object.name), FailedWith(Code::denied, object.name));
  }
  EXPECT_EQ(everything(), before_);
}

TEST_F(VaultRights, StolenStateOverwritesNothing) {
  for (const auto& object : objects()) {
    for (const std::string content : {"other", "contenT", "", "content and more"}) {
      const auto put = thief_->put(object.name, as_bytes(content));
      ASSERT_FALSE(put) << object.name;
      const bool own = object.name.starts_with("a/") || object.name == "fleet.record";
      EXPECT_EQ(put.error().code, own ? Code::already_exists : Code::denied) << object.name;
    }
  }
  EXPECT_EQ(everything(), before_);
}

TEST_F(VaultRights, StolenStateSeesNothingOfOthers) {
  for (const char* prefix : {"", "b", "b/", "b/wal/", "a", "fleet", "a/../b/", "ab"}) {
    EXPECT_FALSE(thief_->list(prefix)) << prefix;
  }
  EXPECT_THAT(thief_->list_parts(""), FailedWith(Code::denied));
  EXPECT_THAT(thief_->list_parts("b/"), FailedWith(Code::denied));
  EXPECT_THAT(thief_->stat("b/wal/1/0-1"), FailedWith(Code::denied));
  EXPECT_THAT(thief_->put("b/new", as_bytes("x")), FailedWith(Code::denied));
  EXPECT_THAT(thief_->put("new", as_bytes("x")), FailedWith(Code::denied));
}

TEST_F(VaultRights, AGrantIsOfNoUseWithAnotherKey) {
  const auto other = make_curve_key(host_.entropy);
  const auto stolen = host_.issued(host_.grant(host_.client.public_key, {{"", GrantVerb::get}}));
  EXPECT_THAT(host_.store(other, stolen)->get("a/wal/1/0-1"), FailedWith(Code::denied, "another key"));
}

TEST_F(VaultRights, AGrantOfAnotherVaultOrFleetOpensNothing) {
  VaultGrant grant = host_.grant(host_.client.public_key, {{"", GrantVerb::get}});
  grant.store = host_.entropy.id<StoreId>();
  EXPECT_THAT(host_.store(host_.client, host_.issued(grant))->get("a/wal/1/0-1"), FailedWith(Code::unavailable));
  grant = host_.grant(host_.client.public_key, {{"", GrantVerb::get}});
  grant.fleet = host_.entropy.id<FleetId>();
  EXPECT_THAT(host_.store(host_.client, host_.issued(grant))->get("a/wal/1/0-1"), FailedWith(Code::denied));
}

TEST_F(VaultRights, AGrantThatItsHolderSignedOpensNothing) {
  const auto own = make_sign_key(host_.entropy);
  const Timestamp now = host_.clock.now();
  const auto certificate = issue_intermediate(own, {host_.fleet, own.public_key, now, now + std::chrono::hours(1)});
  const auto forged =
      issue_grant(certificate, own, host_.grant(host_.client.public_key, {{"", GrantVerb::get | GrantVerb::remove}}));
  const auto store = host_.store(host_.client, forged);
  EXPECT_THAT(store->get("a/wal/1/0-1"), FailedWith(Code::denied));
  EXPECT_THAT(store->remove("a/wal/1/0-1"), FailedWith(Code::denied));
  EXPECT_THAT(host_.store(host_.client, {})->get("a/wal/1/0-1"), FailedWith(Code::denied, "no grant"));
  EXPECT_EQ(everything(), before_);
}

TEST_F(VaultRights, AGrantEndsOnConnectionsThatAreOpenToo) {
  VaultGrant grant = host_.grant(host_.client.public_key, {{"", GrantVerb::get}});
  grant.expires = host_.clock.now() + std::chrono::seconds(4);
  const auto store = host_.store(host_.client, host_.issued(grant));
  ASSERT_THAT(store->get("a/wal/1/0-1"), Succeeded());
  std::this_thread::sleep_for(std::chrono::milliseconds(4100));
  EXPECT_THAT(store->get("a/wal/1/0-1"), FailedWith(Code::denied, "expired"));
}

TEST_F(VaultRights, ARenewedGrantTakesTheOldOnesPlace) {
  VaultGrant grant = host_.grant(host_.client.public_key, {});
  const auto store = host_.store(host_.client, host_.issued(grant));
  ASSERT_THAT(store->get("a/wal/1/0-1"), FailedWith(Code::denied));
  grant.rules = {{"a/", GrantVerb::get}};
  store->set_place(host_.address(), host_.issued(grant));
  EXPECT_THAT(store->get("a/wal/1/0-1"), Succeeded());
}

TEST_F(VaultRights, AVaultThatIsTakenFromTheNodeServesNobody) {
  ASSERT_THAT(owner_->get("fleet.record"), Succeeded());
  host_.server->set({});
  EXPECT_THAT(owner_->get("fleet.record"), FailedWith(Code::unavailable));
  host_.server->set({host_.duty});
  EXPECT_THAT(host_.store_of_owner()->get("fleet.record"), Succeeded());
}

}  // namespace
}  // namespace holdfast
