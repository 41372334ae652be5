#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Assignments : public FleetFixture {
 protected:
  Host host_ = join("db1", {{"env", "prod"}});
  const Assigned* assigned(const std::vector<Send>& sends, const std::string& name) {
    const auto* assignment = find_body<Assignment>(sends);
    if (assignment == nullptr) return nullptr;
    last_ = *assignment;
    for (const auto& one : last_.databases) {
      if (one.name == name) return &one;
    }
    return nullptr;
  }
  Assignment last_;
};

TEST_F(Assignments, SayWhyADatabaseIsUnprotectedUntilThereIsAStore) {
  inventory(host_, {postgres("/srv/orders", 7)});
  EXPECT_EQ(database("orders").protection, Protection::unprotected);
  EXPECT_NE(database("orders").protection_reason.find("no store"), std::string::npos);
  EXPECT_EQ(database("orders").policy, "default");
  add_store();
  EXPECT_EQ(database("orders").protection, Protection::protected_);
  EXPECT_TRUE(database("orders").protection_reason.empty());
}

TEST_F(Assignments, SayWhenNoPolicyMatches) {
  add_store();
  expect<DoneReply>(DeletePolicyRequest{"default"});
  inventory(host_, {postgres("/srv/orders", 7)});
  EXPECT_EQ(database("orders").protection_reason, "no policy matches its labels");
  const auto status = list(Listing::status).status;
  EXPECT_TRUE(std::any_of(status.alerts.begin(), status.alerts.end(),
                          [](const std::string& alert) { return alert.find("unprotected") != std::string::npos; }));
}

TEST_F(Assignments, CarryWhatAnAgentNeedsToDoItsDuty) {
  add_store("local");
  const auto sends = inventory(host_, {postgres("/srv/orders", 7)});
  const auto* orders = assigned(sends, "orders");
  ASSERT_NE(orders, nullptr);
  EXPECT_EQ(orders->key, "postgres:/srv/orders");
  EXPECT_TRUE(orders->active);
  EXPECT_TRUE(orders->protect);
  EXPECT_EQ(orders->policy.name, "default");
  EXPECT_EQ(orders->stores, std::vector<std::string>{"local"});
  EXPECT_EQ(orders->recipients, (std::vector<NamedRecipient>{{"recovery", recovery_.public_key}}));
  EXPECT_TRUE(orders->last_backup_at.is_never());
  EXPECT_EQ(last_.stores.size(), 1U);
  EXPECT_EQ(last_.fleet_record, (Bytes{1, 2, 3}));
}

TEST_F(Assignments, AddTheNodesOwnKeyForSelfRestore) {
  add_store();
  Policy policy = default_policy();
  policy.self_restore = true;
  apply_policy(policy);
  const auto sends = inventory(host_, {postgres("/srv/orders", 7)});
  const auto* orders = assigned(sends, "orders");
  ASSERT_NE(orders, nullptr);
  EXPECT_EQ(orders->recipients, (std::vector<NamedRecipient>{{"recovery", recovery_.public_key},
                                                             {"node:db1", host_.recipient.public_key}}));
}

TEST_F(Assignments, TakeAsManyStoresAsThePolicyWantsAndNotLessThanItNeeds) {
  add_store("a");
  add_store("b");
  add_store("c");
  Policy policy = default_policy();
  policy.copies_want = 2;
  policy.copies_min = 2;
  apply_policy(policy);
  const auto sends = inventory(host_, {postgres("/srv/orders", 7)});
  ASSERT_NE(assigned(sends, "orders"), nullptr);
  EXPECT_EQ(assigned(sends, "orders")->stores, (std::vector<std::string>{"a", "b"}));
  policy.stores = {"c", "missing"};
  apply_policy(policy);
  EXPECT_EQ(database("orders").protection, Protection::unprotected);
  EXPECT_EQ(database("orders").protection_reason, "policy \"default\" needs 2 stores and one is there");
}

TEST_F(Assignments, LetTheMostSpecificPolicyWin) {
  add_store();
  inventory(host_, {postgres("/srv/orders", 7)});
  Policy policy = default_policy();
  policy.name = "production";
  policy.match = {{"env", "prod"}};
  ApplyPolicyRequest request{policy, true};
  EXPECT_EQ(expect<PolicyReply>(request).changes, std::vector<std::string>{"database orders: default -> production"});
  EXPECT_EQ(database("orders").policy, "default");  // it was only asked
  apply_policy(policy);
  EXPECT_EQ(database("orders").policy, "production");
  policy.name = "twin";
  apply_policy(policy);
  EXPECT_EQ(database("orders").policy, "production");
  EXPECT_EQ(database("orders").alerts.size(), 1U);
}

TEST_F(Assignments, OfAPolicyThatIsAppliedAgainSayWhatChangesForWhom) {
  add_store();
  inventory(host_, {postgres("/srv/orders", 7)});
  ApplyPolicyRequest request;
  request.policy = default_policy();
  request.policy.daily = 7;
  request.dry_run = true;
  EXPECT_EQ(
      expect<PolicyReply>(request).changes,
      (std::vector<std::string>{"policy default: retention: not set -> {daily: 7}", "it is in force for: orders"}));
  request.policy = default_policy();
  EXPECT_TRUE(expect<PolicyReply>(request).changes.empty());
}

TEST_F(Assignments, ListAStandbyWithoutHavingItBackedUp) {
  add_store();
  inventory(host_, {postgres("/srv/orders", 7)});
  Host other = join("db2");
  const auto sends = inventory(other, {standby("/srv/orders", 7)});
  const auto* orders = assigned(sends, "orders");
  ASSERT_NE(orders, nullptr);
  EXPECT_FALSE(orders->active);
}

TEST_F(Assignments, CountUpOnlyWhenSomethingChanges) {
  add_store();
  inventory(host_, {postgres("/srv/orders", 7)});
  const auto revision = find_body<Welcome>(hello(host_))->assignment_revision;
  inventory(host_, {postgres("/srv/orders", 7)});
  EXPECT_EQ(find_body<Welcome>(hello(host_))->assignment_revision, revision);
  inventory(host_, {postgres("/srv/orders", 7), sqlite("/srv/app.db")});
  EXPECT_EQ(find_body<Welcome>(hello(host_))->assignment_revision, revision + 1);
  restart();
  EXPECT_EQ(find_body<Welcome>(hello(host_))->assignment_revision, revision + 1);
}

TEST_F(Assignments, AreSentAgainUntilTheyAreAcknowledged) {
  add_store();
  const auto sends = inventory(host_, {postgres("/srv/orders", 7)});
  const std::uint64_t revision = find_body<Assignment>(sends)->revision;
  pass(std::chrono::seconds(6));
  EXPECT_EQ(find_body<Assignment>(tick())->revision, revision);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(find_body<Assignment>(tick()), nullptr);  // not that often
  say(host_, AssignmentAck{revision});
  pass(std::chrono::seconds(6));
  EXPECT_EQ(find_body<Assignment>(tick()), nullptr);
  Hello greeting;
  greeting.assignment_revision = revision;
  EXPECT_EQ(find_body<Assignment>(say(host_, greeting)), nullptr);  // it has it
  greeting.assignment_revision = revision - 1;
  EXPECT_NE(find_body<Assignment>(say(host_, greeting)), nullptr);
}

TEST_F(Assignments, CountOnFromWhatAnAgentHasWhenTheCatalogIsOlder) {
  Hello greeting;
  greeting.assignment_revision = 900;
  const auto sends = say(host_, greeting);
  ASSERT_NE(find_body<Assignment>(sends), nullptr);
  EXPECT_GT(find_body<Assignment>(sends)->revision, 900U);
}

TEST_F(Assignments, TellLaterThatABackupWasTaken) {
  add_store();
  inventory(host_, {postgres("/srv/orders", 7)});
  take_backup(host_, database("orders").id, {});
  pass(std::chrono::seconds(11));
  const auto sends = tick();
  const auto* orders = assigned(sends, "orders");
  ASSERT_NE(orders, nullptr);
  EXPECT_FALSE(orders->last_backup_at.is_never());
}

TEST_F(Assignments, FollowTheLabelsOfTheNode) {
  add_store();
  inventory(host_, {postgres("/srv/orders", 7)});
  expect<DoneReply>(NodeRequest{NodeRequest::Verb::label, "db1", {{"tier", "gold"}}, {"env"}});
  EXPECT_EQ(database("orders").labels, (Labels{{"tier", "gold"}, {"engine", "postgres"}}));
  EXPECT_EQ(refusal(NodeRequest{NodeRequest::Verb::label, "db1", {{"engine", "x"}}, {}}).code, Code::invalid);
}

}  // namespace
}  // namespace holdfast
