#include "agent/daemon/interrupted.h"

#include <gmock/gmock.h>

#include "agent/jobs/finished_backup.h"
#include "agent/restore/restore_journal.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using ::testing::HasSubstr;

class Interrupted : public testing::Test {
 protected:
  JobReport running(JobKind kind) {
    JobReport report;
    report.job.id = fleet_.entropy.id<JobId>();
    report.job.kind = kind;
    report.job.state = JobState::running;
    report.job.database = fleet_.database;
    return state_->save_report(report).value();
  }
  // Another job's backup lies there too.
  BackupId put_backup(JobId job) {
    EXPECT_TRUE(stores_.put(epoch_name(fleet_.database, fleet_.epoch.key.id), fleet_.epoch.object));
    BackupId last;
    for (const JobId of : {fleet_.entropy.id<JobId>(), job}) {
      last = fleet_.entropy.id<BackupId>();
      BackupWriter writer(fleet_.fleet, fleet_.database, last, fleet_.epoch.key, stores_, fleet_.entropy, {1, 4096});
      Manifest empty;
      EXPECT_THAT(writer.put_manifest(empty), Succeeded());
      BackupRecord record;
      record.node = fleet_.node;
      record.job = of;
      record.engine = Engine::sqlite;
      record.finished_at = fleet_.from;
      EXPECT_THAT(writer.finish(record, fleet_.signer), Succeeded());
    }
    return last;
  }
  JobReport end(JobId job) {
    EXPECT_THAT(
        end_interrupted_jobs(*state_, {}, clock_, Logger::none(),
                             [this](const Job& of) { return finished_backup(stores_, fleet_.signer.public_key, of); }),
        Succeeded());
    return state_->report(job).value().value();
  }

  TestFleet fleet_;
  TemporaryDirectory directory_;
  SystemClock clock_;
  std::unique_ptr<AgentState> state_ = AgentState::open(directory_.path()).value();
  std::shared_ptr<MemoryStore> memory_ = std::make_shared<MemoryStore>();
  StoreSet stores_{{{"disk", memory_}}, 1};
};

TEST_F(Interrupted, ABackupWhoseRecordIsInAStoreIsComplete) {
  const JobId job = running(JobKind::backup).job.id;
  const BackupId backup = put_backup(job);
  const JobReport report = end(job);
  EXPECT_EQ(report.job.state, JobState::complete);
  ASSERT_TRUE(report.backup);
  EXPECT_EQ(report.backup->id, backup);
  EXPECT_EQ(report.backup->state, BackupState::complete);
  EXPECT_EQ(report.backup->record, memory_->get(record_name(fleet_.database, backup)).value());
  ASSERT_EQ(report.backup->copies.size(), 1U);
  EXPECT_EQ(report.backup->copies[0].store, "disk");
}

TEST_F(Interrupted, ABackupWhoseRecordIsNotListedYetIsCompleteToo) {
  ManualClock clock;
  const auto late = std::make_shared<ListsLate>(memory_, clock, std::chrono::minutes(10));
  stores_ = StoreSet({{"late", late}}, 1);
  JobReport before = running(JobKind::backup);
  before.job.backup = put_backup(before.job.id);
  ASSERT_THAT(state_->save_report(before), Succeeded());
  ASSERT_TRUE(late->list("").value().empty());
  const JobReport report = end(before.job.id);
  EXPECT_EQ(report.job.state, JobState::complete);
  ASSERT_TRUE(report.backup);
  EXPECT_EQ(report.backup->id, before.job.backup);
}

TEST_F(Interrupted, ABackupThatIsStillListedButGoneIsNone) {
  ManualClock clock;
  const auto late = std::make_shared<ListsLate>(memory_, clock, std::chrono::minutes(10));
  stores_ = StoreSet({{"late", late}}, 1);
  JobReport before = running(JobKind::backup);
  const BackupId backup = put_backup(before.job.id);
  clock.advance(std::chrono::minutes(10));
  ASSERT_THAT(late->remove(record_name(fleet_.database, backup)), Succeeded());
  EXPECT_EQ(end(before.job.id).job.state, JobState::failed);
}

// A writer may not read the documents of data keys in stores that others keep.
TEST_F(Interrupted, ABackupIsFoundByItsRecordAlone) {
  const JobId job = running(JobKind::backup).job.id;
  const BackupId backup = put_backup(job);
  ASSERT_THAT(memory_->remove(epoch_name(fleet_.database, fleet_.epoch.key.id)), Succeeded());
  const JobReport report = end(job);
  EXPECT_EQ(report.job.state, JobState::complete);
  EXPECT_EQ(report.backup->id, backup);
}

TEST_F(Interrupted, ABackupIsLeftUntilItsStoreCanBeAsked) {
  const JobId job = running(JobKind::backup).job.id;
  const BackupId backup = put_backup(job);
  const auto left = end_interrupted_jobs(
      *state_, {}, clock_, Logger::none(),
      [](const Job&) -> Result<std::optional<Backup>> { return fail(Code::unavailable, "the coordinator is away"); },
      WhenUnknown::leave);
  ASSERT_EQ(left.value().size(), 1U);
  EXPECT_EQ(state_->report(job).value()->job.state, JobState::running);
  const auto ended = end_left_backups(left.value(), *state_, clock_, Logger::none(), [this](const Job& of) {
    return finished_backup(stores_, fleet_.signer.public_key, of);
  });
  EXPECT_TRUE(ended.value().empty());
  EXPECT_EQ(state_->report(job).value()->job.state, JobState::complete);
  EXPECT_EQ(state_->report(job).value()->backup->id, backup);
}

TEST_F(Interrupted, ABackupWithoutARecordIsNone) {
  const JobId job = running(JobKind::backup).job.id;
  put_backup(fleet_.entropy.id<JobId>());
  const JobReport report = end(job);
  EXPECT_EQ(report.job.state, JobState::failed);
  EXPECT_THAT(report.job.error, HasSubstr("nothing of it counts"));
}

TEST_F(Interrupted, ABackupIsNotCalledLostWhileAStoreIsAway) {
  const JobId job = running(JobKind::backup).job.id;
  ASSERT_THAT(end_interrupted_jobs(*state_, {}, clock_, Logger::none(),
                                   [](const Job&) -> Result<std::optional<Backup>> {
                                     return fail(Code::unavailable, "store \"disk\" is away");
                                   }),
              Succeeded());
  const std::string error = state_->report(job).value()->job.error;
  EXPECT_THAT(error, HasSubstr("is away"));
  EXPECT_THAT(error, testing::Not(HasSubstr("nothing of it counts")));
}

TEST_F(Interrupted, ARestoreThatWasDoneSaysWhereTheOldDirectoryIs) {
  JobReport report = running(JobKind::restore);
  report.target = RestoreTarget{};
  report.target->directory = directory_ / "data";
  ASSERT_THAT(state_->save_report(report), Succeeded());
  RestoreUndo undo;
  undo.path = report.target->directory;
  undo.restore = fleet_.entropy.id<RestoreId>();
  for (const auto step : {restore_step::checked, restore_step::set_aside, restore_step::complete}) {
    ASSERT_THAT(state_->save_restore_step({report.job.id, std::string(step), encode_undo(undo)}), Succeeded());
  }
  const JobReport ended = end(report.job.id);
  EXPECT_EQ(ended.job.state, JobState::complete);
  EXPECT_EQ(ended.target->state, "complete");
  EXPECT_EQ(ended.target->aside, aside_name(undo.path, undo.restore));
}

}  // namespace
}  // namespace holdfast
