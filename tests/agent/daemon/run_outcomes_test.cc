// What becomes of every run of the schedule, across deaths of the agent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/daemon/backup_schedule.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

Timestamp at(const char* text) {
  return parse_time(text).value();
}

class RunOutcomes : public testing::Test {
 protected:
  RunOutcomes() : state_(AgentState::open(directory_.path()).value()) {
    Assigned database;
    database.database = id_;
    database.protect = true;
    database.policy.full = "0 1 * * *";
    database.last_backup_at = at("2026-03-01T10:00:00Z");
    assignment_.revision = 1;
    assignment_.databases.push_back(database);
    start();
    (void)due("2026-03-01T12:00:00Z");
  }
  void start() {
    schedule_ = std::make_unique<BackupSchedule>(node_, *state_, Logger::none());
    EXPECT_THAT(schedule_->remember(), Succeeded());
  }
  std::vector<DueNow> due(const char* time) { return schedule_->due(assignment_, at(time)); }
  void assign(const std::function<void(Assigned&)>& change) {
    change(assignment_.databases.at(0));
    ++assignment_.revision;
  }
  // The run that is due begins, and its job is in the journal.
  JobReport begin(const char* time) {
    const auto now_due = due(time);
    JobReport report;
    if (now_due.size() != 1) {
      ADD_FAILURE() << now_due.size() << " are due";
      return report;
    }
    const TakenRun run = schedule_->run_of(now_due[0]);
    report.job.id = entropy_.id<JobId>();
    report.job.kind = JobKind::backup;
    report.job.database = id_;
    report.job.created_at = report.job.started_at = at(time);
    report.job.due_at = run.due_at;
    report.job.missed = run.missed;
    EXPECT_THAT(schedule_->began(id_, now_due[0].type, at(time)), Succeeded());
    return state_->save_report(report).value();
  }
  void end(JobReport report, JobState state, const char* time) {
    report.job.state = state;
    report.job.finished_at = at(time);
    ASSERT_THAT(state_->save_report(report), Succeeded());
    schedule_->ended(report);
  }
  std::vector<MissedRuns> told() {
    std::vector<MissedRuns> out;
    const auto reports = state_->unconfirmed_reports().value();
    for (const JobReport& report : reports) {
      if (tells_of_missed_only(report.job)) out.push_back(report.job.missed);
    }
    return out;
  }
  static MissedRuns missed(std::uint32_t count, const char* since, const std::string& cause) {
    return {count, at(since), cause};
  }

  TemporaryDirectory directory_;
  SeededEntropy entropy_{11};
  const NodeId node_ = entropy_.id<NodeId>();
  const DatabaseId id_ = entropy_.id<DatabaseId>();
  std::unique_ptr<AgentState> state_;
  std::unique_ptr<BackupSchedule> schedule_;
  Assignment assignment_;
};

TEST_F(RunOutcomes, ARunIsTheOneThatItsJobSays) {
  const auto job = begin("2026-03-02T01:00:00Z").job;
  schedule_->taken(id_);
  EXPECT_EQ(job.due_at, at("2026-03-02T01:00:00Z"));
  EXPECT_EQ(job.missed.count, 0U);
  EXPECT_TRUE(due("2026-03-02T02:00:00Z").empty());
}

TEST_F(RunOutcomes, ARetryIsOfTheRunThatFailed) {
  const auto first = begin("2026-03-02T01:00:00Z");
  schedule_->taken(id_);
  end(first, JobState::failed, "2026-03-02T01:05:00Z");
  EXPECT_EQ(begin("2026-03-02T01:06:00Z").job.due_at, at("2026-03-02T01:00:00Z"));
}

TEST_F(RunOutcomes, ARetryThatANewRunOvertookIsOfTheNewOne) {
  const auto first = begin("2026-03-02T01:00:00Z");
  schedule_->taken(id_);
  end(first, JobState::failed, "2026-03-03T00:59:30Z");
  EXPECT_EQ(begin("2026-03-03T01:01:00Z").job.due_at, at("2026-03-03T01:00:00Z"));
}

TEST_F(RunOutcomes, WhatPassedWhileTheAgentWasOffIsCaughtUpOnceAndTheOthersAreMissed) {
  start();
  const auto job = begin("2026-03-05T09:00:00Z").job;
  schedule_->taken(id_);
  EXPECT_EQ(job.due_at, at("2026-03-05T01:00:00Z"));
  EXPECT_EQ(job.missed, missed(3, "2026-03-02T01:00:00Z", "the agent did not run"));
  EXPECT_TRUE(due("2026-03-05T10:00:00Z").empty());
}

TEST_F(RunOutcomes, WhatHeldARunIsRememberedAcrossADeath) {
  ASSERT_EQ(due("2026-03-02T02:00:00Z").size(), 1U);
  schedule_->hold(id_, "the node was cordoned");
  start();
  EXPECT_EQ(begin("2026-03-03T02:00:00Z").job.missed, missed(1, "2026-03-02T01:00:00Z", "the node was cordoned"));
}

TEST_F(RunOutcomes, ADeathBetweenTheDecisionAndTheJobLosesNoRun) {
  ASSERT_EQ(due("2026-03-02T01:00:00Z").size(), 1U);
  ASSERT_THAT(schedule_->began(id_, BackupType::full, at("2026-03-02T01:00:00Z")), Succeeded());
  start();
  EXPECT_EQ(begin("2026-03-02T01:10:00Z").job.due_at, at("2026-03-02T01:00:00Z"));
}

TEST_F(RunOutcomes, ADeathBetweenTheJobAndTheLedgerRunsNothingTwice) {
  const auto job = begin("2026-03-02T01:00:00Z");  // and not taken(): the agent is dead
  end(job, JobState::complete, "2026-03-02T01:05:00Z");
  start();
  EXPECT_TRUE(due("2026-03-02T01:10:00Z").empty());
  EXPECT_TRUE(state_->run_ledgers().value().at(id_).owed_at.is_never());
}

TEST_F(RunOutcomes, ARunUnderAScheduleThatWasReplacedIsMissedExactlyOnce) {
  ASSERT_EQ(due("2026-03-02T02:00:00Z").size(), 1U);
  assign([](Assigned& database) { database.policy.full = "0 3 * * *"; });
  EXPECT_TRUE(due("2026-03-02T02:00:10Z").empty());
  EXPECT_TRUE(schedule_->take_news());
  const std::vector once{missed(1, "2026-03-02T01:00:00Z", "its policy was replaced")};
  EXPECT_EQ(told(), once);
  start();
  (void)due("2026-03-02T02:01:00Z");
  EXPECT_EQ(told(), once);
  EXPECT_EQ(begin("2026-03-02T03:00:00Z").job.due_at, at("2026-03-02T03:00:00Z"));
}

TEST_F(RunOutcomes, ANewScheduleOwesNothingFromBeforeItCame) {
  assign([](Assigned& database) { database.policy.full = "@hourly"; });
  EXPECT_TRUE(due("2026-03-01T15:30:00Z").empty());
  EXPECT_EQ(due("2026-03-01T16:00:00Z").size(), 1U);
}

TEST_F(RunOutcomes, APolicyWithTheSameScheduleReplacesNothing) {
  ASSERT_EQ(due("2026-03-02T02:00:00Z").size(), 1U);
  assign([](Assigned& database) {
    database.policy.name = "other";
    database.policy.daily = 7;
  });
  EXPECT_EQ(due("2026-03-02T02:00:10Z").size(), 1U);
  EXPECT_TRUE(told().empty());
}

TEST_F(RunOutcomes, ARunWhoseDatabaseWasTakenAwayIsMissed) {
  ASSERT_EQ(due("2026-03-02T02:00:00Z").size(), 1U);
  assignment_.databases.clear();
  ++assignment_.revision;
  (void)due("2026-03-02T02:00:10Z");
  EXPECT_EQ(told(), std::vector{missed(1, "2026-03-02T01:00:00Z", "it was not this node's to back up any more")});
  EXPECT_TRUE(state_->run_ledgers().value().empty());
}

TEST_F(RunOutcomes, WhenTheBackupsOfAGroupMoveTheOldNodeTellsAndTheNewOneOwesNothingFromBefore) {
  ASSERT_EQ(due("2026-03-02T02:00:00Z").size(), 1U);
  assign([](Assigned& database) { database.backups = BackupDuty::elsewhere; });
  EXPECT_TRUE(due("2026-03-02T02:00:10Z").empty());
  EXPECT_EQ(told(), std::vector{missed(1, "2026-03-02T01:00:00Z", "the backups of its group moved to another node")});
  EXPECT_TRUE(due("2026-03-03T02:00:00Z").empty());
  assign([](Assigned& database) {
    database.backups = BackupDuty::with_log;
    database.last_backup_at = at("2026-03-03T01:10:00Z");
  });
  EXPECT_TRUE(due("2026-03-03T05:00:00Z").empty()) << "the other one ran it";
  EXPECT_EQ(begin("2026-03-04T01:00:00Z").job.missed.count, 0U);
}

TEST_F(RunOutcomes, ARunThatAnotherNodeOfItsGroupMadeUpForIsNotMadeAgain) {
  ASSERT_EQ(due("2026-03-02T01:30:00Z").size(), 1U);
  assign([](Assigned& database) { database.last_backup_at = at("2026-03-02T01:40:00Z"); });
  EXPECT_TRUE(due("2026-03-02T01:41:00Z").empty());
  EXPECT_EQ(told(), std::vector{missed(1, "2026-03-02T01:00:00Z", "another node of its group made a backup")});
  EXPECT_EQ(begin("2026-03-03T01:00:00Z").job.missed.count, 0U);
}

TEST_F(RunOutcomes, ARunWhoseWindowClosedIsMadeUpForInTheNextOne) {
  assign([](Assigned& database) { database.policy.window = "00:30-01:30"; });
  (void)due("2026-03-01T13:00:00Z");
  ASSERT_EQ(due("2026-03-02T01:00:00Z").size(), 1U);
  schedule_->hold(id_, "it waited for its turn: a backup runs in the fleet");
  EXPECT_TRUE(due("2026-03-02T01:30:00Z").empty());
  EXPECT_EQ(begin("2026-03-03T01:00:00Z").job.missed,
            missed(1, "2026-03-02T01:00:00Z",
                   "the window closed before it began: it waited for its turn: a backup runs in the fleet"));
}

TEST_F(RunOutcomes, ARunWhoseWindowOpensAgainBeforeTheNextIsCaughtUp) {
  assign([](Assigned& database) {
    database.policy.full = "0 1 * * 1";  // Monday
    database.policy.window = "00:30-01:30";
  });
  (void)due("2026-03-01T13:00:00Z");
  ASSERT_EQ(due("2026-03-02T01:00:00Z").size(), 1U);
  EXPECT_TRUE(due("2026-03-02T01:30:00Z").empty());
  const auto job = begin("2026-03-03T00:30:00Z").job;
  EXPECT_EQ(job.due_at, at("2026-03-02T01:00:00Z"));
  EXPECT_EQ(job.missed.count, 0U);
}

TEST_F(RunOutcomes, AJobThatDidNotReachTheJournalIsTriedAgainLikeOneThatFailed) {
  ASSERT_EQ(due("2026-03-02T01:00:00Z").size(), 1U);
  ASSERT_THAT(schedule_->began(id_, BackupType::full, at("2026-03-02T01:00:00Z")), Succeeded());
  schedule_->not_taken(id_, at("2026-03-02T01:00:00Z"));
  EXPECT_TRUE(due("2026-03-02T01:00:10Z").empty());
  EXPECT_EQ(begin("2026-03-02T01:01:00Z").job.due_at, at("2026-03-02T01:00:00Z"));
}

TEST_F(RunOutcomes, MissedRunsAreNoFailureToBeTriedAgain) {
  ASSERT_EQ(due("2026-03-02T02:00:00Z").size(), 1U);
  assign([](Assigned& database) { database.policy.full = "0 3 * * *"; });
  (void)due("2026-03-02T02:00:10Z");
  start();
  EXPECT_TRUE(due("2026-03-02T02:30:00Z").empty());
}

TEST_F(RunOutcomes, AnAgentThatKeptNoLedgerYetCatchesUpWhatItOwed) {
  const auto first = begin("2026-03-02T01:00:00Z");
  end(first, JobState::complete, "2026-03-02T01:05:00Z");
  ASSERT_THAT(state_->forget_run_ledger(id_), Succeeded());
  start();
  EXPECT_EQ(begin("2026-03-04T09:00:00Z").job.missed, missed(1, "2026-03-03T01:00:00Z", "the agent did not run"));
}

}  // namespace
}  // namespace holdfast
