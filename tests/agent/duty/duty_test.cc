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
  std::optional<Due> due() { return next_due(database_, history_).value(); }
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
  EXPECT_THAT(next_due(database_, history_), FailedWith(Code::invalid));
}

}  // namespace
}  // namespace holdfast
