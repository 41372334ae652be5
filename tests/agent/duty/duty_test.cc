#include "agent/duty/duty.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

Timestamp at(const char* text) {
  return parse_time(text).value();
}

class Duty : public testing::Test {
 protected:
  Duty() {
    database_.protect = true;
    database_.policy.full = "0 1 * * *";
    history_.known_since = at("2026-03-01T12:00:00Z");
  }
  std::optional<Due> due() { return next_due(database_, history_, now_).value(); }
  Timestamp now_ = at("2026-03-01T12:00:00Z");
  Assigned database_;
  RunHistory history_;
};

TEST_F(Duty, ADatabaseWithoutABackupIsDueAtOnceWhateverTheSchedule) {
  ASSERT_TRUE(due());
  EXPECT_EQ(due()->reason, DueReason::first_backup);
  EXPECT_EQ(due()->at, history_.known_since);
}

TEST_F(Duty, AfterABackupItIsTheNextRunOfTheSchedule) {
  history_.last_complete = at("2026-03-01T12:05:00Z");
  EXPECT_EQ(due()->at, at("2026-03-02T01:00:00Z"));
  EXPECT_EQ(due()->reason, DueReason::schedule);
}

TEST_F(Duty, RunsMissedWhileAwayAreCaughtUpOnce) {
  history_.last_complete = at("2026-03-01T12:05:00Z");
  history_.last_began = at("2026-03-01T12:00:00Z");
  const auto first = due()->at;
  EXPECT_EQ(first, at("2026-03-02T01:00:00Z"));  // days ago by now: due at once
  history_.last_began = at("2026-03-09T08:00:00Z");
  EXPECT_EQ(due()->at, at("2026-03-10T01:00:00Z"));
}

TEST_F(Duty, ABackupByHandDoesNotReplaceARun) {
  history_.last_began = at("2026-03-01T01:00:00Z");
  history_.last_complete = at("2026-03-01T23:00:00Z");
  EXPECT_EQ(due()->at, at("2026-03-02T01:00:00Z"));
}

TEST_F(Duty, ANewNodeOfAGroupDoesNotOweTheRunsOfTheOneBefore) {
  history_.last_complete = at("2026-02-20T01:00:00Z");
  EXPECT_EQ(due()->at, at("2026-03-02T01:00:00Z"));
}

TEST_F(Duty, RunsOfAnotherNodeOfItsGroupAreNotOwedAgain) {
  history_.last_began = at("2026-02-20T01:00:00Z");  // it was ours once
  history_.last_complete = history_.last_elsewhere = at("2026-03-01T01:10:00Z");
  EXPECT_EQ(due()->at, at("2026-03-02T01:00:00Z"));
}

TEST_F(Duty, OfAGroupWhoseBackupsAreElsewhereIsOnlyToMakeALossOfLogGood) {
  database_.backups = BackupDuty::elsewhere;
  EXPECT_FALSE(due()) << "not even the first";
  history_.log_lost_at = at("2026-03-01T15:00:00Z");
  EXPECT_EQ(due()->reason, DueReason::log_lost);
  history_.failures = 1;
  history_.last_failed = at("2026-03-01T15:10:00Z");
  EXPECT_EQ(due()->reason, DueReason::retry);
  history_.log_lost_at = {};
  EXPECT_FALSE(due());
}

TEST_F(Duty, OfAStandbyThatTakesTheBackupsIsTheSchedule) {
  database_.active = false;
  database_.backups = BackupDuty::here;
  EXPECT_EQ(due()->reason, DueReason::first_backup);
  history_.last_complete = at("2026-03-01T12:05:00Z");
  EXPECT_EQ(due()->at, at("2026-03-02T01:00:00Z"));
}

TEST_F(Duty, LogThatWasLostMakesABackupDueAtOnceWhateverTheSchedule) {
  history_.last_complete = at("2026-03-01T12:05:00Z");
  history_.log_lost_at = at("2026-03-01T15:00:00Z");
  EXPECT_EQ(due()->reason, DueReason::log_lost);
  EXPECT_EQ(due()->at, history_.log_lost_at);
  database_.policy.full.clear();
  EXPECT_EQ(due()->at, history_.log_lost_at);
  history_.failures = 1;
  history_.last_failed = at("2026-03-01T15:10:00Z");
  EXPECT_EQ(due()->reason, DueReason::retry);
}

TEST_F(Duty, AFailedRunIsTriedAgainLaterAndLater) {
  history_.failures = 3;
  history_.last_failed = at("2026-03-01T12:00:00Z");
  EXPECT_EQ(due()->reason, DueReason::retry);
  EXPECT_EQ(due()->at, at("2026-03-01T12:04:00Z"));
  EXPECT_EQ(retry_delay(1), std::chrono::minutes(1));
  EXPECT_EQ(retry_delay(50), std::chrono::hours(1));
}

// A full backup on Sundays, a differential one on the other days, incremental ones every hour.
class DutyOfThreeLines : public Duty {
 protected:
  DutyOfThreeLines() {
    database_.policy.full = "0 1 * * 0";
    database_.policy.differential = "0 1 * * 1-6";
    database_.policy.incremental = "0 * * * *";
    history_.last_complete = history_.last_began = at("2026-03-01T01:00:00Z");  // a Sunday
    now_ = at("2026-03-01T01:10:00Z");
  }
};

TEST_F(DutyOfThreeLines, EachHasItsTime) {
  EXPECT_EQ(due()->at, at("2026-03-01T02:00:00Z"));
  EXPECT_EQ(due()->type, BackupType::incremental);
  history_.last_began = at("2026-03-02T00:00:01Z");
  EXPECT_EQ(due()->at, at("2026-03-02T01:00:00Z"));
  EXPECT_EQ(due()->type, BackupType::differential);
  history_.last_began = at("2026-03-08T00:00:01Z");
  EXPECT_EQ(due()->type, BackupType::full);
}

TEST_F(DutyOfThreeLines, OfRunsThatWereMissedOneIsCaughtUpTheOneThatOutweighsTheOthers) {
  now_ = at("2026-03-01T05:30:00Z");
  EXPECT_EQ(due()->at, at("2026-03-01T02:00:00Z"));
  EXPECT_EQ(due()->type, BackupType::incremental);
  now_ = at("2026-03-02T05:30:00Z");
  EXPECT_EQ(due()->type, BackupType::differential);
  now_ = at("2026-03-10T05:30:00Z");
  EXPECT_EQ(due()->type, BackupType::full);
  EXPECT_EQ(due()->at, at("2026-03-01T02:00:00Z"));
}

TEST_F(DutyOfThreeLines, ARetryIsOfWhatFailedOrOfWhatCameDueSince) {
  history_.failures = 1;
  history_.failed_type = BackupType::full;
  history_.last_failed = at("2026-03-01T01:20:00Z");
  EXPECT_EQ(due()->type, BackupType::full);
  EXPECT_EQ(due()->at, at("2026-03-01T01:21:00Z"));
  history_.failed_type = BackupType::incremental;
  EXPECT_EQ(due()->type, BackupType::incremental);
  now_ = at("2026-03-02T01:30:00Z");
  EXPECT_EQ(due()->type, BackupType::differential);
}

TEST_F(DutyOfThreeLines, RunsAndRetriesWaitForTheWindow) {
  database_.policy.window = "22:00-06:00";
  history_.last_began = at("2026-03-01T05:30:00Z");
  now_ = at("2026-03-01T05:40:00Z");
  EXPECT_EQ(due()->at, at("2026-03-01T22:00:00Z"));
  // Missed while the host was off: not in the middle of the day.
  history_.last_began = at("2026-02-28T05:30:00Z");
  now_ = at("2026-03-01T12:00:00Z");
  EXPECT_EQ(due()->at, at("2026-03-01T22:00:00Z"));
  EXPECT_EQ(due()->type, BackupType::full);
  history_.failures = 1;
  history_.last_failed = at("2026-03-01T05:59:30Z");
  now_ = at("2026-03-01T06:01:00Z");
  EXPECT_EQ(due()->reason, DueReason::retry);
  EXPECT_EQ(due()->at, at("2026-03-01T22:00:00Z"));
  now_ = at("2026-03-01T22:00:01Z");
  EXPECT_LE(due()->at, now_);
}

TEST_F(DutyOfThreeLines, WhatMakesAnythingRestorableWaitsForNoWindow) {
  database_.policy.window = "22:00-06:00";
  now_ = at("2026-03-01T12:00:00Z");
  history_.last_complete = history_.last_began = {};
  EXPECT_EQ(due()->reason, DueReason::first_backup);
  EXPECT_LE(due()->at, now_);
  history_.failures = 1;
  history_.last_failed = now_;
  EXPECT_EQ(due()->at, at("2026-03-01T12:01:00Z"));
  EXPECT_EQ(due()->type, BackupType::full);
  history_ = {};
  history_.last_complete = history_.last_began = at("2026-03-01T02:00:00Z");
  history_.log_lost_at = at("2026-03-01T11:00:00Z");
  EXPECT_EQ(due()->reason, DueReason::log_lost);
  EXPECT_LE(due()->at, now_);
}

TEST_F(Duty, NothingIsDueForWhatIsNotOursToProtect) {
  database_.protect = false;
  EXPECT_FALSE(due());
  database_.protect = true;
  database_.active = false;
  EXPECT_FALSE(due());
}

TEST_F(Duty, WithoutAScheduleOnlyTheFirstBackupIsTaken) {
  database_.policy.full.clear();
  EXPECT_TRUE(due());
  history_.last_complete = at("2026-03-01T12:05:00Z");
  EXPECT_FALSE(due());
}

TEST_F(Duty, APolicyThatCannotBeReadIsAnError) {
  history_.last_complete = at("2026-03-01T12:05:00Z");
  database_.policy.full = "every day";
  EXPECT_THAT(next_due(database_, history_, now_), FailedWith(Code::invalid));
}

}  // namespace
}  // namespace holdfast
