#include "coordinator/core/vaults.h"

#include <gmock/gmock.h>

#include <set>

#include "shared/identity/grant.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Vaults : public FleetFixture {
 protected:
  Vaults() {
    left_.address = "10.0.0.8";
    hello(left_);
  }
  void add_vault(const std::string& name, const std::string& node, std::uint64_t quota = 0) {
    expect<DoneReply>(request(name, node, "/vault/" + name, quota));
  }
  static AddStoreRequest request(const std::string& name, const std::string& node, const std::string& path,
                                 std::uint64_t quota = 0) {
    AddStoreRequest out;
    out.name = name;
    out.kind = StoreKind::peer;
    out.path = path;
    out.peer_node = node;
    out.quota_bytes = quota;
    return out;
  }
  StoreInfo store(const std::string& name) {
    for (const auto& info : list(Listing::stores).stores) {
      if (info.name == name) return info;
    }
    ADD_FAILURE() << "no store " << name;
    return {};
  }
  // What the host is told now.
  Assignment assignment_of(Host& host) {
    auto sends = hello(host);
    for (int i = 0; i < 3 && find_body<Assignment>(sends) == nullptr; ++i) {
      pass(std::chrono::seconds(10));
      say(host, Heartbeat{});
      sends = tick();
    }
    const auto* assignment = find_body<Assignment>(sends);
    if (assignment == nullptr) {
      ADD_FAILURE() << "no assignment";
      return {};
    }
    return *assignment;
  }
  static const StoreInfo& of(const Assignment& assignment, const std::string& name) {
    for (const auto& info : assignment.stores) {
      if (info.name == name) return info;
    }
    throw std::logic_error("no store " + name);
  }
  Result<VaultGrant> grant_in(const StoreInfo& info, const Host& holder) {
    return verify_grant(info.peer.grant, {root_.public_key, fleet_, holder.curve.public_key}, now_);
  }

  Host host_ = join("db1");
  Host left_ = join("db2");
};

TEST_F(Vaults, AreReachedUnderTheAddressOfTheirNode) {
  add_vault("spare", "db2", 5000);
  const StoreInfo added = store("spare");
  EXPECT_EQ(added.kind, StoreKind::peer);
  EXPECT_EQ(added.path, "/vault/spare");
  EXPECT_EQ(added.peer.node, left_.node);
  EXPECT_EQ(added.peer.endpoint, "tcp://10.0.0.8:7410");
  EXPECT_EQ(added.peer.server, left_.curve.public_key);
  EXPECT_EQ(added.peer.quota_bytes, 5000U);
  EXPECT_THAT(added.peer.grant, IsEmpty()) << "nobody is shown a grant";
}

TEST_F(Vaults, AreReachedWhereTheLabelOfTheirNodeSays) {
  add_vault("spare", "db2");
  NodeRequest label;
  label.verb = NodeRequest::Verb::label;
  label.node = "db2";
  label.set = {{"vault", "backup.example:7777"}};
  expect<DoneReply>(label);
  pass(std::chrono::minutes(1));
  tick();
  EXPECT_EQ(store("spare").peer.endpoint, "tcp://backup.example:7777");
}

TEST_F(Vaults, BelongToANodeThatIsThere) {
  EXPECT_EQ(refusal(request("spare", "nobody", "/vault")).code, Code::not_found);
  EXPECT_EQ(refusal(request("spare", "db2", "vault")).code, Code::invalid);
  EXPECT_EQ(refusal(request("spa re", "db2", "/vault")).code, Code::invalid);
  add_vault("spare", "db2");
  EXPECT_EQ(refusal(request("spare", "db1", "/other")).code, Code::already_exists);
  EXPECT_EQ(refusal(request("again", "db2", "/vault/spare")).code, Code::conflict);
  // The same path of another host is another place.
  EXPECT_EQ(refusal(request("spare", "db1", "/vault/spare")).code, Code::already_exists);
  expect<DoneReply>(request("third", "db1", "/vault/spare"));
}

TEST_F(Vaults, AreTheDutyOfTheirNodeAlone) {
  add_vault("spare", "db2", 5000);
  EXPECT_THAT(assignment_of(host_).vaults, IsEmpty());
  const auto duties = assignment_of(left_).vaults;
  EXPECT_THAT(duties, ElementsAre(VaultDuty{store("spare").id, "spare", "/vault/spare", 5000}));
}

TEST_F(Vaults, AreWrittenWithAGrantForTheNodesOwnDatabases) {
  add_vault("spare", "db2");
  inventory(host_, {postgres("/srv/orders", 7)});
  inventory(left_, {postgres("/srv/events", 8)});
  add_vault("more", "db1");
  const auto grant = grant_in(of(assignment_of(host_), "spare"), host_);
  ASSERT_TRUE(grant) << grant.error().text();
  EXPECT_EQ(grant->store, store("spare").id);
  EXPECT_EQ(grant->use, GrantUse::standing);
  const std::string own = database("orders").id.text() + "/";
  const std::string foreign = database("events").id.text() + "/";
  EXPECT_TRUE(grant_allows(*grant, GrantVerb::put, own + "backups/1/pack-0000"));
  EXPECT_TRUE(grant_allows(*grant, GrantVerb::put, "fleet.record"));
  EXPECT_TRUE(grant_allows_below(*grant, GrantVerb::list, own));
  EXPECT_TRUE(grant_allows(*grant, GrantVerb::get, own + "wal/00000001/1-2"));
  EXPECT_TRUE(grant_allows(*grant, GrantVerb::get, own + "backups/1/record"));
  for (const std::string name : {"backups/1/pack-0000", "backups/1/manifest", "epochs/1.keys", "database.record"}) {
    EXPECT_FALSE(grant_allows(*grant, GrantVerb::get, own + name)) << name;
    EXPECT_FALSE(grant_allows(*grant, GrantVerb::remove, own + name)) << name;
    for (const auto verb : {GrantVerb::put, GrantVerb::get, GrantVerb::stat, GrantVerb::remove}) {
      EXPECT_FALSE(grant_allows(*grant, verb, foreign + name)) << name;
    }
  }
  EXPECT_FALSE(grant_allows_below(*grant, GrantVerb::list, ""));
  EXPECT_FALSE(grant_allows_below(*grant, GrantVerb::list, foreign));
}

TEST_F(Vaults, GrantsAreRenewedEachDayLongBeforeTheyEnd) {
  add_vault("spare", "db2");
  inventory(host_, {postgres("/srv/orders", 7)});
  const Assignment first = assignment_of(host_);
  const auto granted = grant_in(of(first, "spare"), host_);
  ASSERT_TRUE(granted);
  EXPECT_GT(granted->expires - now_, std::chrono::hours(24 * 14));
  std::set<Bytes> seen{of(first, "spare").peer.grant};
  std::set<std::uint64_t> revisions{first.revision};
  for (int hour = 0; hour < 72; ++hour) {
    pass(std::chrono::hours(1));
    say(host_, Heartbeat{});
    for (const Send& sent : tick()) {
      const auto* assignment = std::get_if<Assignment>(&sent.message.body);
      if (assignment == nullptr || sent.peer != host_.curve.public_key) continue;
      seen.insert(of(*assignment, "spare").peer.grant);
      revisions.insert(assignment->revision);
      say(host_, AssignmentAck{assignment->revision});
    }
  }
  EXPECT_EQ(seen.size(), 4U) << "once a day and not with every look";
  EXPECT_EQ(revisions.size(), 4U);
}

TEST_F(Vaults, ANewCoordinatorProcessChangesNoGrant) {
  add_vault("spare", "db2");
  inventory(host_, {postgres("/srv/orders", 7)});
  const Assignment before = assignment_of(host_);
  restart();
  const Assignment after = assignment_of(host_);
  EXPECT_EQ(after.revision, before.revision);
  EXPECT_EQ(of(after, "spare").peer.grant, of(before, "spare").peer.grant);
}

TEST_F(Vaults, OfTheDatabasesOwnNodeAreNoCopyElsewhere) {
  add_vault("a-own", "db1");
  inventory(host_, {postgres("/srv/orders", 7)});
  EXPECT_THAT(assignment_of(host_).databases.at(0).stores, ElementsAre("a-own")) << "better than none";
  add_vault("b-other", "db2");
  EXPECT_THAT(assignment_of(host_).databases.at(0).stores, ElementsAre("b-other"));
  Policy policy = default_policy();
  policy.copies_want = 2;
  policy.copies_min = 2;
  apply_policy(policy);
  EXPECT_THAT(assignment_of(host_).databases.at(0).stores, ElementsAre("b-other", "a-own"));
}

TEST_F(Vaults, AreFilledByCopyJobsWithGrantsForThatDatabaseOnly) {
  add_store("local");
  inventory(host_, {postgres("/srv/orders", 7)});
  const DatabaseId orders = database("orders").id;
  take_backup(host_, orders, {});
  add_vault("spare", "db2");
  Policy policy = default_policy();
  policy.copies_want = 2;
  apply_policy(policy);
  std::optional<CopyOrder> found;
  for (int i = 0; i < 30 && !found; ++i) {
    pass(std::chrono::seconds(20));
    say(host_, Heartbeat{});
    say(left_, Heartbeat{});
    for (const Send& sent : tick()) {
      const auto* order = std::get_if<Order>(&sent.message.body);
      const auto* copy = order == nullptr ? nullptr : std::get_if<CopyOrder>(&order->body);
      if (copy == nullptr || copy->target.name != "spare") continue;
      found = *copy;
      const auto grant = grant_in(copy->target, sent.peer == host_.curve.public_key ? host_ : left_);
      ASSERT_TRUE(grant) << grant.error().text();
      EXPECT_TRUE(grant_allows(*grant, GrantVerb::put, orders.text() + "/backups/x/pack-0000"));
      EXPECT_TRUE(grant_allows(*grant, GrantVerb::get, orders.text() + "/backups/x/pack-0000"));
      EXPECT_FALSE(grant_allows(*grant, GrantVerb::remove, orders.text() + "/backups/x/pack-0000"));
      EXPECT_FALSE(grant_allows(*grant, GrantVerb::put, DatabaseId().text() + "/backups/x/pack-0000"));
    }
  }
  EXPECT_TRUE(found) << "nobody was told to fill it";
}

TEST_F(Vaults, AreCheckedWithAGrantThatAllowsNothingElse) {
  add_vault("spare", "db2");
  hello(host_);
  expect<JobsReply>(StoreRequest{StoreRequest::Verb::check, "spare"});
  pass(std::chrono::seconds(6));
  bool found = false;
  for (const Send& sent : tick()) {
    const auto* order = std::get_if<Order>(&sent.message.body);
    if (order == nullptr || sent.peer != host_.curve.public_key) continue;
    const auto grant = grant_in(std::get<StoreCheckOrder>(order->body).store, host_);
    ASSERT_TRUE(grant) << grant.error().text();
    EXPECT_EQ(grant->use, GrantUse::order);
    EXPECT_THAT(grant->rules, IsEmpty());
    found = true;
  }
  EXPECT_TRUE(found);
}

}  // namespace
}  // namespace holdfast
