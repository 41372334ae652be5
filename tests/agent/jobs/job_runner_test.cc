#include "agent/jobs/job_runner.h"

#include <gtest/gtest.h>

#include <future>

#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

class Jobs : public testing::Test {
 protected:
  Jobs() : state_(AgentState::open(directory_.path()).value()) {}

  JobReport job(DatabaseId database, JobKind kind = JobKind::backup) {
    JobReport report;
    report.job.id = entropy_.id<JobId>();
    report.job.kind = kind;
    report.job.database = database;
    return report;
  }
  JobRunner& runner() {
    if (!runner_) {
      runner_.emplace(*state_, clock_, Logger::none(), JobRunnerLimits{2},
                      [this](const JobReport& report, JobRunner::Stored stored) {
                        if (stored == JobRunner::Stored::yes && is_final(report.job.state)) {
                          const std::lock_guard lock(mutex_);
                          ended_.push_back(report);
                          changed_.notify_all();
                        }
                      });
    }
    return *runner_;
  }
  JobReport wait_for_end(JobId id) {
    std::unique_lock lock(mutex_);
    JobReport found;
    const bool came = changed_.wait_for(lock, std::chrono::seconds(30), [&] {
      for (const auto& report : ended_) {
        if (report.job.id != id) continue;
        found = report;
        return true;
      }
      return false;
    });
    EXPECT_TRUE(came) << "the job did not end";
    return found;
  }

  TemporaryDirectory directory_;
  SystemClock clock_;
  SeededEntropy entropy_{5};
  std::unique_ptr<AgentState> state_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<JobReport> ended_;
  std::optional<JobRunner> runner_;  // last: its threads use the others
};

TEST_F(Jobs, AreJournalledBeforeTheyBegin) {
  const JobReport report = job(entropy_.id<DatabaseId>());
  std::promise<JobState> seen;
  ASSERT_THAT(runner().start(report,
                             [&](JobReport& running, const JobControl&) -> Result<> {
                               seen.set_value(state_->report(running.job.id).value()->job.state);
                               return {};
                             }),
              Succeeded());
  EXPECT_EQ(seen.get_future().get(), JobState::running);
  EXPECT_EQ(wait_for_end(report.job.id).job.state, JobState::complete);
}

TEST_F(Jobs, EndAsFailedWithTheirCause) {
  const JobReport report = job(entropy_.id<DatabaseId>());
  ASSERT_THAT(runner().start(report,
                             [](JobReport&, const JobControl&) -> Result<> {
                               return fail(Code::exhausted, "store full", "make room");
                             }),
              Succeeded());
  const auto ended = wait_for_end(report.job.id);
  EXPECT_EQ(ended.job.state, JobState::failed);
  EXPECT_EQ(ended.job.error, "store full");
  EXPECT_EQ(ended.job.hint, "make room");
  EXPECT_EQ(ended.job.code, Code::exhausted);
}

TEST_F(Jobs, ThatThrowEndAsFailedToo) {
  const JobReport report = job(entropy_.id<DatabaseId>());
  ASSERT_THAT(
      runner().start(report, [](JobReport&, const JobControl&) -> Result<> { throw std::runtime_error("bug"); }),
      Succeeded());
  EXPECT_EQ(wait_for_end(report.job.id).job.code, Code::internal);
}

TEST_F(Jobs, OfOneDatabaseRunOneAfterTheOther) {
  const auto database = entropy_.id<DatabaseId>();
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  std::vector<JobId> ids;
  for (int i = 0; i < 4; ++i) {
    const JobReport report = job(database, i % 2 == 0 ? JobKind::backup : JobKind::verify);
    ids.push_back(report.job.id);
    ASSERT_THAT(runner().start(report,
                               [&](JobReport&, const JobControl& control) -> Result<> {
                                 most = std::max(most.load(), ++at_once);
                                 control.stop.wait_for(std::chrono::milliseconds(20));
                                 --at_once;
                                 return {};
                               }),
                Succeeded());
  }
  for (const auto& id : ids) EXPECT_EQ(wait_for_end(id).job.state, JobState::complete);
  EXPECT_EQ(most, 1);
}

TEST_F(Jobs, ABackupDoesNotWaitForACopyOfItsDatabase) {
  const auto database = entropy_.id<DatabaseId>();
  std::promise<void> backed_up;
  const JobReport copy = job(database, JobKind::copy);
  ASSERT_THAT(runner().start(copy,
                             [done = backed_up.get_future().share()](JobReport&, const JobControl&) -> Result<> {
                               if (done.wait_for(std::chrono::seconds(30)) == std::future_status::ready) return {};
                               return fail(Code::timed_out, "the backup did not run beside it");
                             }),
              Succeeded());
  const JobReport backup = job(database, JobKind::backup);
  ASSERT_THAT(runner().start(backup,
                             [&](JobReport&, const JobControl&) -> Result<> {
                               backed_up.set_value();
                               return {};
                             }),
              Succeeded());
  EXPECT_EQ(wait_for_end(copy.job.id).job.state, JobState::complete);
  EXPECT_EQ(wait_for_end(backup.job.id).job.state, JobState::complete);
}

TEST_F(Jobs, BackupsKeepToTheLimitOfTheNode) {
  std::atomic<int> at_once{0};
  std::atomic<int> most{0};
  std::vector<JobId> ids;
  for (int i = 0; i < 6; ++i) {
    const JobReport report = job(entropy_.id<DatabaseId>());
    ids.push_back(report.job.id);
    ASSERT_THAT(runner().start(report,
                               [&](JobReport&, const JobControl& control) -> Result<> {
                                 const int now = ++at_once;
                                 int seen = most.load();
                                 while (now > seen && !most.compare_exchange_weak(seen, now)) {
                                 }
                                 control.stop.wait_for(std::chrono::milliseconds(20));
                                 --at_once;
                                 return {};
                               }),
                Succeeded());
  }
  for (const auto& id : ids) wait_for_end(id);
  EXPECT_LE(most, 2);
}

TEST_F(Jobs, CanBeCancelledWhileTheyWaitAndWhileTheyRun) {
  const auto database = entropy_.id<DatabaseId>();
  const JobReport first = job(database);
  const JobReport second = job(database);
  const JobWork until_stopped = [](JobReport&, const JobControl& control) -> Result<> {
    if (control.stop.wait_for(std::chrono::seconds(30))) return fail(Code::cancelled, "stopped");
    return {};
  };
  ASSERT_THAT(runner().start(first, until_stopped), Succeeded());
  ASSERT_THAT(runner().start(second, until_stopped), Succeeded());
  EXPECT_TRUE(runner().cancel(second.job.id));
  EXPECT_EQ(wait_for_end(second.job.id).job.state, JobState::cancelled);
  EXPECT_TRUE(runner().cancel(first.job.id));
  EXPECT_EQ(wait_for_end(first.job.id).job.state, JobState::cancelled);
  EXPECT_FALSE(runner().cancel(entropy_.id<JobId>()));
}

TEST_F(Jobs, CutOffByTheAgentsStopEndAsFailedWithThatCause) {
  const auto database = entropy_.id<DatabaseId>();
  const JobReport running = job(database);
  const JobReport waiting = job(database);
  std::promise<void> began;
  ASSERT_THAT(runner().start(running,
                             [&](JobReport&, const JobControl& control) -> Result<> {
                               began.set_value();
                               control.stop.wait_for(std::chrono::seconds(30));
                               return fail(Code::cancelled, "stopped");
                             }),
              Succeeded());
  ASSERT_THAT(runner().start(waiting, [](JobReport&, const JobControl&) -> Result<> { return {}; }), Succeeded());
  began.get_future().wait();
  runner().stop("the agent was stopped");
  EXPECT_EQ(state_->report(running.job.id).value()->job.state, JobState::failed);
  EXPECT_EQ(state_->report(running.job.id).value()->job.error, "the agent was stopped");
  EXPECT_EQ(state_->report(waiting.job.id).value()->job.state, JobState::failed);
}

TEST_F(Jobs, ThatAreCutOffFailWithTheCauseAndOthersMayBeginAfterwards) {
  const JobReport first = job(entropy_.id<DatabaseId>());
  const JobReport behind = job(first.job.database);
  const auto until_told = [](JobReport&, const JobControl& control) -> Result<> {
    while (!control.stop.wait_for(std::chrono::seconds(1))) {
    }
    return fail(Code::cancelled, "told to end");
  };
  ASSERT_THAT(runner().start(first, until_told), Succeeded());
  ASSERT_THAT(runner().start(behind, until_told), Succeeded());
  EXPECT_FALSE(runner().idle());
  EXPECT_EQ(runner().cut_off("the node is to end").size(), 2U);
  for (const auto& cut : {first, behind}) {
    const Job ended = wait_for_end(cut.job.id).job;
    EXPECT_EQ(ended.state, JobState::failed);
    EXPECT_EQ(ended.error, "the node is to end");
  }
  const JobReport later = job(first.job.database);
  ASSERT_THAT(runner().start(later, [](JobReport&, const JobControl&) -> Result<> { return {}; }), Succeeded());
  EXPECT_EQ(wait_for_end(later.job.id).job.state, JobState::complete);
}

}  // namespace
}  // namespace holdfast
