#include "coordinator/core/job_history.h"

#include <algorithm>

#include "coordinator/catalog/rows.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

const Timestamp now = Timestamp::from_micros(1'800'000'000'000'000);
constexpr std::chrono::hours day{24};

class JobHistory : public ::testing::Test {
 protected:
  // The first is the newest; each ended `age` ago.
  JobId add(JobKind kind, JobState state, Micros age, DatabaseId database = DatabaseId({1})) {
    JobRow row;
    std::array<std::uint8_t, 16> bytes{};
    bytes[0] = static_cast<std::uint8_t>(++made_ >> 8U);
    bytes[1] = static_cast<std::uint8_t>(made_);
    row.job.id = JobId(bytes);
    row.job.kind = kind;
    row.job.state = state;
    row.job.database = database;
    row.job.created_at = now - age - std::chrono::minutes(1);
    if (is_final(state)) row.job.finished_at = now - age;
    state_.jobs[row.job.id] = row;
    return row.job.id;
  }
  bool goes(JobId id) { return std::ranges::count(forgettable_jobs(state_, now), id) == 1; }

  CoreState state_;
  std::uint16_t made_ = 0;
};

TEST_F(JobHistory, IsNinetyDaysLong) {
  EXPECT_FALSE(goes(add(JobKind::verify, JobState::complete, 90 * day)));
  EXPECT_TRUE(goes(add(JobKind::verify, JobState::complete, 90 * day + Micros(1))));
  EXPECT_TRUE(goes(add(JobKind::store_check, JobState::failed, 91 * day, DatabaseId{})));
  EXPECT_FALSE(goes(add(JobKind::verify, JobState::running, 400 * day)));
}

TEST_F(JobHistory, HasTheNewestBackupAndTheNewestGoodOneHoweverOldTheyAre) {
  const JobId failed = add(JobKind::backup, JobState::failed, 100 * day);
  const JobId complete = add(JobKind::backup, JobState::complete, 200 * day);
  const JobId older = add(JobKind::backup, JobState::complete, 300 * day);
  const JobId of_another = add(JobKind::backup, JobState::complete, 300 * day, DatabaseId({2}));
  EXPECT_FALSE(goes(failed));
  EXPECT_FALSE(goes(complete));
  EXPECT_TRUE(goes(older));
  EXPECT_FALSE(goes(of_another));
}

TEST_F(JobHistory, HasOnlySoManyOfOneDatabase) {
  std::vector<JobId> jobs;
  for (std::size_t i = 0; i < ended_jobs_kept_per_database + 2; ++i) {
    jobs.push_back(add(JobKind::verify, JobState::complete, std::chrono::seconds(i)));
  }
  const JobId of_another = add(JobKind::verify, JobState::complete, day, DatabaseId({2}));
  EXPECT_EQ(forgettable_jobs(state_, now),
            (std::vector<JobId>{jobs[ended_jobs_kept_per_database], jobs[ended_jobs_kept_per_database + 1]}));
  EXPECT_FALSE(goes(of_another));
}

TEST_F(JobHistory, HasWhatARestoreStillNeeds) {
  Restore restore;
  restore.id = RestoreId({5});
  restore.state = "complete";
  restore.finished_at = now - 200 * day;
  restore.targets.resize(1);
  restore.targets[0].aside = "/srv/orders.aside";
  state_.restores[restore.id] = restore;
  const JobId job = add(JobKind::restore, JobState::complete, 200 * day);
  state_.jobs[job].job.restore = restore.id;
  EXPECT_FALSE(goes(job));
  EXPECT_TRUE(forgettable_restores(state_, now).empty());

  state_.restores[restore.id].targets[0].aside.clear();  // rolled back or finalized
  EXPECT_TRUE(goes(job));
  EXPECT_EQ(forgettable_restores(state_, now), std::vector<RestoreId>{restore.id});
}

TEST_F(JobHistory, HasWhatAnOrderIsAbout) {
  const JobId job = add(JobKind::verify, JobState::lost, 200 * day);
  OrderEntry cancel;
  cancel.order.id = JobId({0xff});
  cancel.order.body = CancelOrder{job};
  state_.orders[cancel.order.id] = cancel;
  EXPECT_FALSE(goes(job));
}

class ForgottenJobs : public FleetFixture {};

TEST_F(ForgottenJobs, AreGoneFromTheCatalogToo) {
  add_store();
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  take_backup(host, database("orders").id, {});
  pass(91 * day);
  tick();
  EXPECT_EQ(list(Listing::jobs).jobs.size(), 1U) << "the newest stays";
  const BackupId newest = take_backup(host, database("orders").id, {});
  pass(std::chrono::hours(1));
  tick();
  EXPECT_EQ(read_rows<JobRow>(store_)->size(), 1U);
  restart();
  ASSERT_EQ(list(Listing::jobs).jobs.size(), 1U);
  EXPECT_EQ(list(Listing::jobs).jobs[0].backup, newest);
}

TEST_F(ForgottenJobs, AreAcknowledgedWhenTheirEndIsToldAgain) {
  Host host = join("db1");
  JobReport report;
  report.sequence = 3;
  report.job.id = JobId({9});
  report.job.kind = JobKind::restore;
  report.job.state = JobState::running;
  EXPECT_EQ(find_body<JobReportAck>(say(host, report)), nullptr);
  report.job.state = JobState::complete;
  EXPECT_NE(find_body<JobReportAck>(say(host, report)), nullptr);
  EXPECT_TRUE(list(Listing::jobs).jobs.empty());
}

}  // namespace
}  // namespace holdfast
