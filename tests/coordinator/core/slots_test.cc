#include "coordinator/core/slots.h"

#include <gmock/gmock.h>

#include "coordinator/catalog/migrations.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

// Three hosts with a database each; a policy that lets one backup run in the fleet.
class SlotLeases : public FleetFixture {
 protected:
  Host one_ = join("db1", {{"env", "prod"}, {"zone", "a"}});
  Host two_ = join("db2", {{"env", "prod"}, {"zone", "b"}});
  Host three_ = join("db3", {{"env", "prod"}, {"zone", "b"}});
  DatabaseId orders_, users_, events_;
  Timestamp due_;

  void SetUp() override {
    add_store();
    add_store("second");
    inventory(one_, {postgres("/srv/orders", 7)});
    inventory(two_, {postgres("/srv/users", 8)});
    inventory(three_, {postgres("/srv/events", 9)});
    orders_ = database("orders").id;
    users_ = database("users").id;
    events_ = database("events").id;
    limit([](Policy& policy) { policy.per_fleet = 1; });
    settle();
  }
  // Past the time after its start in which the coordinator grants nothing.
  void settle() {
    live({&one_, &two_, &three_}, slot_lease + std::chrono::seconds(20), std::chrono::seconds(20));
    due_ = now_;
  }
  template <class Change>
  void limit(Change change) {
    Policy policy = default_policy();
    change(policy);
    apply_policy(policy);
  }
  SlotReply ask(const Host& host, DatabaseId database, Timestamp due) {
    const auto sends = say(host, SlotRequest{database, due});
    const auto* reply = find_body<SlotReply>(sends);
    if (reply == nullptr) {
      ADD_FAILURE() << "no answer";
      return {};
    }
    EXPECT_EQ(reply->database, database);
    EXPECT_EQ(sends.back().message.in_reply_to, requests_);
    return *reply;
  }
  SlotReply ask(const Host& host, DatabaseId database) { return ask(host, database, due_); }
  JobReport report(DatabaseId database, JobId id, JobState state, std::uint64_t sequence) {
    JobReport report;
    report.sequence = sequence;
    report.job.id = id;
    report.job.kind = JobKind::backup;
    report.job.database = database;
    report.job.state = state;
    report.job.created_at = now_;
    report.job.due_at = due_;
    if (state == JobState::failed) report.job.error = "no luck";
    return report;
  }
  JobId begin(const Host& host, DatabaseId database) {
    const auto id = entropy_.id<JobId>();
    say(host, report(database, id, JobState::running, 1));
    return id;
  }
};

TEST_F(SlotLeases, OneIsGrantedAndTheNextWaitsUntilTheBackupHasEnded) {
  const auto granted = ask(one_, orders_);
  EXPECT_TRUE(granted.granted);
  EXPECT_EQ(granted.wait, Micros(slot_lease));
  EXPECT_FALSE(ask(two_, users_).granted) << "what may begin counts";
  const JobId job = begin(one_, orders_);
  const auto waits = ask(two_, users_);
  EXPECT_FALSE(waits.granted);
  EXPECT_EQ(waits.reason, "a backup runs in the fleet (limits.per_fleet)");
  EXPECT_GT(waits.wait, Micros(0));
  say(one_, report(orders_, job, JobState::failed, 2));
  EXPECT_TRUE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, TheSameQuestionAgainIsTheSameSlot) {
  limit([](Policy& policy) { policy.per_fleet = 2; });
  EXPECT_TRUE(ask(one_, orders_).granted);
  EXPECT_TRUE(ask(one_, orders_).granted);
  EXPECT_TRUE(ask(two_, users_).granted) << "the first counts once";
  EXPECT_FALSE(ask(three_, events_).granted);
}

TEST_F(SlotLeases, ALeaseLapsesAtItsDeadline) {
  ASSERT_TRUE(ask(one_, orders_).granted);
  pass(slot_lease - std::chrono::seconds(1));
  EXPECT_FALSE(ask(two_, users_).granted);
  pass(std::chrono::seconds(2));
  EXPECT_TRUE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, WhatIsDueLongestGetsTheNextPlace) {
  const JobId job = begin(one_, orders_);
  EXPECT_FALSE(ask(three_, events_, due_ - std::chrono::minutes(1)).granted);
  EXPECT_FALSE(ask(two_, users_, due_ - std::chrono::minutes(5)).granted);
  say(one_, report(orders_, job, JobState::failed, 2));
  const auto later = ask(three_, events_, due_ - std::chrono::minutes(1));
  EXPECT_FALSE(later.granted);
  EXPECT_THAT(later.reason, HasSubstr("others have been due for longer"));
  EXPECT_TRUE(ask(two_, users_, due_ - std::chrono::minutes(5)).granted);
}

TEST_F(SlotLeases, WhoDoesNotComeBackLosesItsPlace) {
  const JobId job = begin(one_, orders_);
  EXPECT_FALSE(ask(two_, users_, due_ - std::chrono::minutes(5)).granted);
  say(one_, report(orders_, job, JobState::failed, 2));
  live({&one_, &two_, &three_}, std::chrono::minutes(3), std::chrono::seconds(20));
  EXPECT_TRUE(ask(three_, events_).granted);
}

TEST_F(SlotLeases, ANodeThatIsAwayKeepsNobodyWaiting) {
  const JobId job = begin(one_, orders_);
  EXPECT_FALSE(ask(two_, users_, due_ - std::chrono::minutes(5)).granted);
  say(one_, report(orders_, job, JobState::failed, 2));
  NodeRequest cordon;
  cordon.verb = NodeRequest::Verb::cordon;
  cordon.node = "db2";
  expect<DoneReply>(cordon);
  EXPECT_TRUE(ask(three_, events_).granted);
}

TEST_F(SlotLeases, AClockThatIsYearsBehindIsNotBeforeAllOthersForGood) {
  const JobId job = begin(one_, orders_);
  EXPECT_FALSE(ask(two_, users_, due_ - std::chrono::hours(24 * 400)).granted);
  EXPECT_FALSE(ask(three_, events_, due_ - std::chrono::hours(24 * 8)).granted);
  say(one_, report(orders_, job, JobState::failed, 2));
  const bool two = ask(two_, users_, due_ - std::chrono::hours(24 * 400)).granted;
  const bool three = ask(three_, events_, due_ - std::chrono::hours(24 * 8)).granted;
  EXPECT_NE(two, three) << "a week is as old as it gets: their ids decide";
}

TEST_F(SlotLeases, AZoneIsWhatNodesWithTheSameLabelMake) {
  limit([](Policy& policy) { policy.per_zone = 1; });
  begin(two_, users_);
  EXPECT_THAT(ask(three_, events_).reason, HasSubstr("zone \"b\""));
  EXPECT_TRUE(ask(one_, orders_).granted);
}

TEST_F(SlotLeases, AStoreTakesAsManyAsThePolicySays) {
  limit([](Policy& policy) {
    policy.per_store = 1;
    policy.stores = {"local"};
  });
  begin(one_, orders_);
  EXPECT_THAT(ask(two_, users_).reason, HasSubstr("store \"local\""));
}

TEST_F(SlotLeases, LimitsChangeWhileSomebodyWaits) {
  begin(one_, orders_);
  EXPECT_FALSE(ask(two_, users_).granted);
  limit([](Policy& policy) { policy.per_fleet = 2; });
  EXPECT_TRUE(ask(two_, users_).granted);
  limit([](Policy& policy) { policy.per_fleet = 1; });
  EXPECT_FALSE(ask(three_, events_).granted);
}

TEST_F(SlotLeases, ACordonedNodeGetsNoneAndHearsWhy) {
  NodeRequest cordon;
  cordon.verb = NodeRequest::Verb::cordon;
  cordon.node = "db1";
  expect<DoneReply>(cordon);
  const auto answer = ask(one_, orders_);
  EXPECT_FALSE(answer.granted);
  EXPECT_EQ(answer.reason, "the node is cordoned");
  EXPECT_TRUE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, OfADatabaseThatIsNotOnTheNodeThereIsNone) {
  const auto answer = ask(one_, users_);
  EXPECT_FALSE(answer.granted);
  EXPECT_EQ(answer.reason, "the database is not on the node");
  EXPECT_TRUE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, OfOneGroupOneNodeAtATime) {
  limit([](Policy& policy) { policy.per_fleet = 5; });
  inventory(two_, {postgres("/srv/users", 8), standby("/srv/orders", 7)});
  ASSERT_TRUE(ask(one_, orders_).granted);
  EXPECT_EQ(ask(two_, orders_).reason, "node \"db1\" of its group backs it up");
  const JobId job = begin(one_, orders_);
  EXPECT_FALSE(ask(two_, orders_).granted);
  say(one_, report(orders_, job, JobState::failed, 2));
  EXPECT_TRUE(ask(two_, orders_).granted);
}

TEST_F(SlotLeases, ARevokedNodesLeaseAndBackupCountNoMore) {
  limit([](Policy& policy) { policy.per_fleet = 2; });
  begin(one_, orders_);
  ASSERT_TRUE(ask(two_, users_).granted);
  EXPECT_FALSE(ask(three_, events_).granted);
  for (const char* name : {"db1", "db2"}) {
    NodeRequest revoke;
    revoke.verb = NodeRequest::Verb::revoke;
    revoke.node = name;
    expect<DoneReply>(revoke);
  }
  tick();
  limit([](Policy& policy) { policy.per_fleet = 1; });
  EXPECT_TRUE(ask(three_, events_).granted);
}

TEST_F(SlotLeases, AHostThatIsGoneInTheMiddleDoesNotKeepTheFleetFromItsBackups) {
  begin(one_, orders_);
  live({&two_, &three_}, silent_backup_counts - std::chrono::minutes(1));
  EXPECT_FALSE(ask(two_, users_).granted);
  live({&two_, &three_}, std::chrono::minutes(2));
  EXPECT_TRUE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, AfterARestartNothingIsGrantedUntilEarlierLeasesHaveEndedAndWhatRunsStillCounts) {
  ASSERT_TRUE(ask(one_, orders_).granted);
  restart();
  hello(one_);
  hello(two_);
  const auto answer = ask(two_, users_);
  EXPECT_FALSE(answer.granted);
  EXPECT_THAT(answer.reason, HasSubstr("just begun"));
  EXPECT_LE(answer.wait, Micros(slot_lease));
  begin(one_, orders_);  // by the lease that nobody knows of any more
  settle();
  EXPECT_EQ(ask(two_, users_).reason, "a backup runs in the fleet (limits.per_fleet)");
}

TEST_F(SlotLeases, AFleetThatHasJustBeenMadeWaitsForNothing) {
  restart();
  Host fourth = join("db4");
  EXPECT_FALSE(ask(fourth, orders_).granted);
  store_ = MemoryStore();
  epoch_ = *store_.begin_epoch();
  ASSERT_TRUE(migrate(store_, epoch_, all_migrations()));
  add_operator("ann", Role::admin, admin_.public_key);
  restart();
  limit([](Policy& policy) { policy.per_fleet = 1; });
  add_store();
  Host first = join("db5");
  inventory(first, {postgres("/srv/first", 11)});
  EXPECT_TRUE(ask(first, database("first").id).granted);
}

TEST_F(SlotLeases, AnOrderThatNobodyTookYetDoesNotCount) {
  CreateBackupRequest request;
  request.selection.names = {"orders"};
  expect<JobsReply>(request);
  EXPECT_TRUE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, ABackupThatWasOrderedAndTakenCounts) {
  CreateBackupRequest request;
  request.selection.names = {"orders"};
  const JobId job = expect<JobsReply>(request).jobs.at(0);
  say(one_, report(orders_, job, JobState::running, 1));
  EXPECT_FALSE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, AnOldReportThatComesAgainDoesNotEndTheLease) {
  const JobId job = begin(one_, orders_);
  say(one_, report(orders_, job, JobState::failed, 2));
  const Timestamp next = due_ + std::chrono::hours(1);
  ASSERT_TRUE(ask(one_, orders_, next).granted);
  say(one_, report(orders_, job, JobState::failed, 2));
  EXPECT_FALSE(ask(two_, users_).granted);
}

TEST_F(SlotLeases, ThoseBehindAreToldToComeBackLater) {
  begin(one_, orders_);
  const auto first = ask(two_, users_, due_ - std::chrono::minutes(2));
  const auto second = ask(three_, events_, due_ - std::chrono::minutes(1));
  EXPECT_LT(first.wait, second.wait);
  EXPECT_LE(second.wait, Micros(std::chrono::minutes(2)));
}

}  // namespace
}  // namespace holdfast
