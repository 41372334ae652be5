#include "agent/daemon/backup_schedule.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

// What the agent knows of its backups after it was started again.
class ScheduleAfterARestart : public testing::Test {
 protected:
  ScheduleAfterARestart() : state_(AgentState::open(directory_.path()).value()) {
    Assigned database;
    database.database = entropy_.id<DatabaseId>();
    database.protect = true;
    database.policy.full = "0 1 * * *";
    database.last_backup_at = yesterday_;
    assignment_.databases.push_back(database);
    EXPECT_THAT(state_->save_last_run(database.database, {began_, BackupType::full}), Succeeded());
  }
  void in_the_journal(JobState state, Timestamp at) {
    JobReport report;
    report.job.id = entropy_.id<JobId>();
    report.job.kind = JobKind::backup;
    report.job.database = assignment_.databases[0].database;
    report.job.state = state;
    report.job.created_at = at;
    report.job.finished_at = at;
    ASSERT_THAT(state_->save_report(report), Succeeded());
  }
  // A complete one, of which only its beginning matters here.
  JobReport backup_from(Lsn start, Timestamp began) {
    JobReport report;
    report.job.id = entropy_.id<JobId>();
    report.job.kind = JobKind::backup;
    report.job.database = assignment_.databases[0].database;
    report.job.state = JobState::complete;
    report.job.finished_at = began + std::chrono::seconds(5);
    report.backup.emplace();
    report.backup->started_at = began;
    report.backup->start_lsn = start;
    return report;
  }
  std::vector<DueNow> due(Timestamp now) {
    BackupSchedule schedule(node_, *state_, Logger::none());
    EXPECT_THAT(schedule.remember(), Succeeded());
    return schedule.due(assignment_, now);
  }

  TemporaryDirectory directory_;
  SeededEntropy entropy_{11};
  const NodeId node_ = entropy_.id<NodeId>();
  std::unique_ptr<AgentState> state_;
  Assignment assignment_;
  const Timestamp yesterday_ = parse_time("2026-03-01T01:00:30Z").value();
  const Timestamp began_ = parse_time("2026-03-02T01:00:00Z").value();
  const Timestamp failed_ = parse_time("2026-03-02T01:00:20Z").value();
};

TEST_F(ScheduleAfterARestart, OwesNothingWhenTheRunOfTodayIsComplete) {
  in_the_journal(JobState::complete, failed_);
  EXPECT_TRUE(due(failed_ + std::chrono::hours(2)).empty());
}

TEST_F(ScheduleAfterARestart, TriesARunAgainThatWasCutOff) {
  in_the_journal(JobState::complete, yesterday_);
  in_the_journal(JobState::failed, failed_);
  EXPECT_TRUE(due(failed_ + std::chrono::seconds(30)).empty());
  const auto now_due = due(failed_ + std::chrono::minutes(1));
  ASSERT_EQ(now_due.size(), 1U);
  EXPECT_EQ(now_due[0].reason, DueReason::retry);
}

TEST_F(ScheduleAfterARestart, DoesNotWaitLongerForTheFailuresBefore) {
  for (int hour = 6; hour > 0; --hour) in_the_journal(JobState::failed, failed_ - std::chrono::hours(hour));
  in_the_journal(JobState::failed, failed_);
  EXPECT_EQ(due(failed_ + std::chrono::minutes(1)).size(), 1U);
}

TEST_F(ScheduleAfterARestart, OwesNoRetryAfterALaterSuccess) {
  in_the_journal(JobState::failed, failed_);
  in_the_journal(JobState::complete, failed_ + std::chrono::minutes(2));
  EXPECT_TRUE(due(failed_ + std::chrono::minutes(10)).empty());
}

TEST_F(ScheduleAfterARestart, TriesAgainWhatWasCutOffAndNotMore) {
  const DatabaseId database = assignment_.databases[0].database;
  assignment_.databases[0].policy.incremental = "@hourly";
  in_the_journal(JobState::complete, yesterday_);
  ASSERT_THAT(state_->save_last_run(database, {began_ + std::chrono::hours(1), BackupType::incremental}), Succeeded());
  in_the_journal(JobState::failed, began_ + std::chrono::hours(1));
  auto owed = due(began_ + std::chrono::minutes(62));
  ASSERT_EQ(owed.size(), 1U);
  EXPECT_EQ(owed[0].type, BackupType::incremental);
}

TEST_F(ScheduleAfterARestart, OwesAFullBackupThatFailedAlthoughAnIncrementalOneWasMade) {
  in_the_journal(JobState::complete, yesterday_);
  in_the_journal(JobState::failed, failed_);
  BackupSchedule schedule(node_, *state_, Logger::none());
  ASSERT_THAT(schedule.remember(), Succeeded());
  JobReport incremental = backup_from(Lsn(4000), failed_ + std::chrono::seconds(10));
  incremental.backup->type = BackupType::incremental;
  schedule.ended(incremental);
  const Timestamp later = failed_ + std::chrono::minutes(2);
  ASSERT_EQ(schedule.due(assignment_, later).size(), 1U);
  EXPECT_EQ(schedule.due(assignment_, later)[0].type, BackupType::full);
  schedule.ended(backup_from(Lsn(5000), later));
  EXPECT_TRUE(schedule.due(assignment_, later + std::chrono::minutes(1)).empty());
}

TEST_F(ScheduleAfterARestart, OwesABackupWhenLogWasLostUntilOneBeganBehindTheLoss) {
  in_the_journal(JobState::complete, failed_);
  const DatabaseId database = assignment_.databases[0].database;
  const Timestamp seen = failed_ + std::chrono::hours(1);
  const Timestamp now = seen + std::chrono::minutes(1);
  ASSERT_THAT(state_->save_wal_loss(database, {seen, Lsn(5000)}), Succeeded());
  auto owed = due(now);
  ASSERT_EQ(owed.size(), 1U);
  EXPECT_EQ(owed[0].reason, DueReason::log_lost);

  BackupSchedule schedule(node_, *state_, Logger::none());
  ASSERT_THAT(schedule.remember(), Succeeded());
  EXPECT_EQ(schedule.due(assignment_, now).size(), 1U);
  schedule.ended(backup_from(Lsn(4000), seen - std::chrono::minutes(5)));  // it began before
  EXPECT_EQ(schedule.due(assignment_, now).size(), 1U);
  schedule.ended(backup_from(Lsn(5000), seen - std::chrono::seconds(1)));
  EXPECT_TRUE(schedule.due(assignment_, now).empty());
  EXPECT_TRUE(due(now).empty()) << "and not again after a restart";
}

TEST_F(ScheduleAfterARestart, OwesNoBackupForEverWhenTheServerWentBackBeforeTheLoss) {
  const DatabaseId database = assignment_.databases[0].database;
  const Timestamp seen = began_ + std::chrono::hours(1);
  BackupSchedule schedule(node_, *state_, Logger::none());
  ASSERT_THAT(schedule.remember(), Succeeded());
  EXPECT_TRUE(schedule.due(assignment_, seen).empty());
  ASSERT_THAT(state_->save_wal_loss(database, {seen, Lsn(5000)}), Succeeded());
  schedule.log_lost(database);
  EXPECT_EQ(schedule.due(assignment_, seen).size(), 1U);
  schedule.ended(backup_from(Lsn(300), seen + std::chrono::minutes(1)));
  EXPECT_TRUE(schedule.due(assignment_, seen + std::chrono::minutes(2)).empty());
}

TEST_F(ScheduleAfterARestart, KnowsOfALossFromTheJournalOfABackupThatMadeItGoodJustBeforeTheCrash) {
  const DatabaseId database = assignment_.databases[0].database;
  const Timestamp seen = began_ + std::chrono::hours(1);
  ASSERT_THAT(state_->save_wal_loss(database, {seen, Lsn(5000)}), Succeeded());
  ASSERT_THAT(state_->save_report(backup_from(Lsn(6000), seen)), Succeeded());
  EXPECT_TRUE(due(seen + std::chrono::minutes(1)).empty());
}

// Who takes the backups of a group may change, and change back.
class ScheduleOfAGroup : public ScheduleAfterARestart {
 protected:
  ScheduleOfAGroup() { group().backups = BackupDuty::here; }
  Assigned& group() { return assignment_.databases[0]; }
  const Timestamp tomorrow_ = parse_time("2026-03-03T01:00:00Z").value();
};

TEST_F(ScheduleOfAGroup, DoesNotRunAgainWhatTheNodeBeforeHasRun) {
  ASSERT_THAT(state_->save_last_run(group().database, {yesterday_ - std::chrono::hours(24 * 30), BackupType::full}),
              Succeeded());
  in_the_journal(JobState::complete, yesterday_ - std::chrono::hours(24 * 30));
  group().last_backup_at = failed_;  // of today, by the other
  EXPECT_TRUE(due(failed_ + std::chrono::hours(1)).empty());
  const auto next = due(tomorrow_);
  ASSERT_EQ(next.size(), 1U);
  EXPECT_EQ(next[0].reason, DueReason::schedule);
}

TEST_F(ScheduleOfAGroup, OwesWhatTheNodeBeforeDidNotRun) {
  group().last_backup_at = yesterday_;
  ASSERT_THAT(state_->save_last_run(group().database, {yesterday_ - std::chrono::hours(24 * 30), BackupType::full}),
              Succeeded());
  EXPECT_EQ(due(began_ + std::chrono::minutes(10)).size(), 1U);
}

TEST_F(ScheduleOfAGroup, TriesNothingAgainThatAnotherNodeHasDoneSince) {
  in_the_journal(JobState::failed, failed_);
  group().last_backup_at = failed_ + std::chrono::minutes(5);
  EXPECT_TRUE(due(failed_ + std::chrono::minutes(10)).empty());
}

TEST_F(ScheduleOfAGroup, DoesNotTakeItsOwnBackupByHandForARunOfAnother) {
  JobReport by_hand = backup_from(Lsn(100), began_ - std::chrono::hours(2));
  by_hand.backup->finished_at = by_hand.job.finished_at + std::chrono::seconds(1);  // the server's clock is ahead
  ASSERT_THAT(state_->save_report(by_hand), Succeeded());
  ASSERT_THAT(state_->save_last_run(group().database, {yesterday_ - std::chrono::hours(25), BackupType::full}),
              Succeeded());
  group().last_backup_at = by_hand.backup->finished_at;
  EXPECT_EQ(due(yesterday_).size(), 1U);
}

}  // namespace
}  // namespace holdfast
