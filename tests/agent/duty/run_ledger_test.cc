#include "agent/duty/run_ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

using testing::EndsWith;
using testing::IsEmpty;

Timestamp at(const char* text) {
  return parse_time(text).value();
}

// A database that is backed up at one o'clock every night.
class Ledger : public testing::Test {
 protected:
  Ledger() { ledger_ = new_ledger(nightly(), at("2026-03-01T12:00:00Z")); }
  static Policy nightly() {
    Policy policy;
    policy.full = "0 1 * * *";
    return policy;
  }
  Advance advance_to(const char* time, const std::string& away = {}) {
    auto advanced = advance(ledger_, database_, at(time), away);
    EXPECT_TRUE(advanced.has_value());
    return advanced.value();
  }
  static MissedRuns missed(std::uint32_t count, const char* since, const std::string& cause) {
    return {count, at(since), cause};
  }

  SeededEntropy entropy_{5};
  const DatabaseId database_ = entropy_.id<DatabaseId>();
  const NodeId node_ = entropy_.id<NodeId>();
  RunLedger ledger_;
};

TEST_F(Ledger, ARunIsOwedFromItsMomentUntilItsJobBegins) {
  const auto before = advance_to("2026-03-02T00:59:59Z");
  EXPECT_FALSE(before.changed);
  EXPECT_EQ(before.upcoming, at("2026-03-02T01:00:00Z"));
  EXPECT_TRUE(ledger_.owed_at.is_never());
  EXPECT_TRUE(advance_to("2026-03-02T01:00:00Z").changed);
  EXPECT_EQ(ledger_.owed_at, at("2026-03-02T01:00:00Z"));
  const auto run = take(ledger_);
  EXPECT_EQ(run.due_at, at("2026-03-02T01:00:00Z"));
  EXPECT_EQ(run.missed, MissedRuns());
  EXPECT_FALSE(advance_to("2026-03-02T23:00:00Z").changed) << "once";
}

TEST_F(Ledger, RunsThatPassedWhileNobodyWasThereAreCaughtUpByTheNewest) {
  advance_to("2026-03-05T09:00:00Z", "the agent did not run");
  const auto run = take(ledger_);
  EXPECT_EQ(run.due_at, at("2026-03-05T01:00:00Z"));
  EXPECT_EQ(run.missed, missed(3, "2026-03-02T01:00:00Z", "the agent did not run"));
}

TEST_F(Ledger, AMissedRunIsMissedByWhatHeldIt) {
  advance_to("2026-03-02T02:00:00Z");
  EXPECT_TRUE(hold(ledger_, "the node was cordoned"));
  EXPECT_FALSE(hold(ledger_, "the node was cordoned")) << "no news";
  advance_to("2026-03-03T02:00:00Z");
  EXPECT_EQ(take(ledger_).missed, missed(1, "2026-03-02T01:00:00Z", "the node was cordoned"));
}

TEST_F(Ledger, OneWithNothingInItsWayIsMissedForTheNewerOne) {
  advance_to("2026-03-03T02:00:00Z");
  EXPECT_EQ(take(ledger_).missed, missed(1, "2026-03-02T01:00:00Z", "a newer run came due before it began"));
}

TEST_F(Ledger, RunsThatWereMissedByDifferentCausesAreToldApart) {
  advance_to("2026-03-02T02:00:00Z");
  hold(ledger_, "the node was cordoned");
  const auto told = advance_to("2026-03-05T09:00:00Z", "the agent did not run").told_alone;
  EXPECT_THAT(told, testing::ElementsAre(missed(1, "2026-03-02T01:00:00Z", "the node was cordoned")));
  EXPECT_EQ(take(ledger_).missed, missed(2, "2026-03-03T01:00:00Z", "the agent did not run"));
}

TEST_F(Ledger, WhatHoldsNothingIsNotNoted) {
  EXPECT_FALSE(hold(ledger_, "the node was cordoned"));
}

TEST_F(Ledger, ARunOfAScheduleThatEndsIsMissedByTheCauseOfThat) {
  advance_to("2026-03-02T02:00:00Z");
  EXPECT_THAT(close(ledger_, "its policy was replaced"),
              testing::ElementsAre(missed(1, "2026-03-02T01:00:00Z", "its policy was replaced")));
  EXPECT_THAT(close(ledger_, "its policy was replaced"), IsEmpty()) << "exactly once";
}

TEST_F(Ledger, WhatWasMissedBeforeTheScheduleEndedKeepsItsCause) {
  advance_to("2026-03-02T02:00:00Z");
  hold(ledger_, "the database did not run");
  advance_to("2026-03-03T02:00:00Z");
  EXPECT_THAT(close(ledger_, "its policy was replaced"),
              testing::ElementsAre(missed(1, "2026-03-02T01:00:00Z", "the database did not run"),
                                   missed(1, "2026-03-03T01:00:00Z", "its policy was replaced")));
}

TEST_F(Ledger, TheOwedRunIsOfTheTypeThatOutweighsTheOthers) {
  ledger_.schedule.incremental = "0 * * * *";
  advance_to("2026-03-02T03:30:00Z");
  EXPECT_EQ(ledger_.owed_at, at("2026-03-02T03:00:00Z"));
  EXPECT_EQ(ledger_.owed_type, BackupType::full);
  take(ledger_);
  advance_to("2026-03-02T04:30:00Z");
  EXPECT_EQ(ledger_.owed_type, BackupType::incremental);
}

TEST_F(Ledger, AClockThatWasSetBackALittleRunsNothingTwice) {
  advance_to("2026-03-02T01:10:00Z");
  take(ledger_);
  EXPECT_FALSE(advance_to("2026-03-02T00:50:00Z").changed);
  EXPECT_FALSE(advance_to("2026-03-02T01:20:00Z").changed);
  EXPECT_TRUE(ledger_.owed_at.is_never());
}

TEST_F(Ledger, AClockThatWasAYearAheadStopsNothing) {
  advance_to("2027-03-02T01:10:00Z");
  take(ledger_);
  advance_to("2026-03-02T12:00:00Z");
  advance_to("2026-03-03T01:00:00Z");
  EXPECT_EQ(ledger_.owed_at, at("2026-03-03T01:00:00Z"));
}

TEST_F(Ledger, AVeryLongAbsenceIsCountedOnlySoFarAndSaysSo) {
  ledger_.schedule.full = "* * * * *";
  advance_to("2026-04-30T12:00:30Z", "the agent did not run");
  EXPECT_EQ(ledger_.owed_at, at("2026-04-30T12:00:00Z"));
  EXPECT_GT(ledger_.missed.count, 5000U);
  EXPECT_LT(ledger_.missed.count, 10'000U);
  EXPECT_EQ(ledger_.missed.since, at("2026-03-01T12:01:00Z"));
  EXPECT_THAT(ledger_.missed.cause, EndsWith("further ones were not counted"));
}

TEST_F(Ledger, AScheduleWithoutLinesOwesNothing) {
  ledger_.schedule.full.clear();
  const auto advanced = advance_to("2026-06-01T00:00:00Z");
  EXPECT_FALSE(advanced.upcoming);
  EXPECT_FALSE(advanced.changed);
}

TEST_F(Ledger, AScheduleThatCannotBeReadChangesNothing) {
  ledger_.schedule.full = "every now and then";
  const RunLedger before = ledger_;
  EXPECT_THAT(advance(ledger_, database_, at("2026-06-01T00:00:00Z"), {}), FailedWith(Code::invalid));
  EXPECT_EQ(ledger_, before);
}

TEST_F(Ledger, OnlyWhatSaysWhenMakesAnotherSchedule) {
  Policy policy = nightly();
  policy.name = "other";
  policy.daily = 7;
  policy.per_fleet = 3;
  EXPECT_EQ(schedule_of(policy), ledger_.schedule);
  for (std::string Policy::*text :
       {&Policy::full, &Policy::incremental, &Policy::differential, &Policy::timezone, &Policy::window}) {
    Policy changed = nightly();
    changed.*text = "something else";
    EXPECT_NE(schedule_of(changed), ledger_.schedule);
  }
  policy.splay = std::chrono::minutes(5);
  EXPECT_NE(schedule_of(policy), ledger_.schedule);
}

TEST_F(Ledger, MissedRunsThatAreToldAgainAreTheSameJob) {
  const auto runs = missed(2, "2026-03-02T01:00:00Z", "its policy was replaced");
  const Job job = job_of_missed(node_, database_, runs, at("2026-03-05T00:00:00Z"));
  EXPECT_EQ(job.id, job_of_missed(node_, database_, runs, at("2026-03-06T00:00:00Z")).id);
  EXPECT_NE(job.id, job_of_missed(entropy_.id<NodeId>(), database_, runs, at("2026-03-05T00:00:00Z")).id);
  EXPECT_EQ(job.error, "2 runs were missed: its policy was replaced");
  EXPECT_TRUE(tells_of_missed_only(job));
  Job backup = job;
  backup.due_at = at("2026-03-05T01:00:00Z");
  EXPECT_FALSE(tells_of_missed_only(backup));
}

}  // namespace
}  // namespace holdfast
