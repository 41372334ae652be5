#include "coordinator/cli/wait.h"

#include "coordinator/cli/progress_text.h"

#include <gmock/gmock.h>

#include "tests/coordinator/cli/fake_fleet.h"
#include "tests/coordinator/cli/samples.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

std::vector<Job> jobs_of(std::initializer_list<JobState> states, Code code = Code::internal) {
  std::vector<Job> jobs;
  for (const JobState state : states) {
    jobs.push_back(samples::job(static_cast<std::uint8_t>(jobs.size() + 1), state));
    jobs.back().code = code;
  }
  return jobs;
}

TEST(Judgement, FollowsWhatBecameOfTheJobs) {
  using enum JobState;
  EXPECT_EQ(judge({}), ExitCode::done);
  EXPECT_EQ(judge(jobs_of({complete, complete})), ExitCode::done);
  EXPECT_EQ(judge(jobs_of({complete, failed})), ExitCode::done_in_part);
  EXPECT_EQ(judge(jobs_of({complete, cancelled})), ExitCode::done_in_part);
  EXPECT_EQ(judge(jobs_of({failed, lost})), ExitCode::failed);
  EXPECT_EQ(judge(jobs_of({failed, failed}, Code::not_restorable)), ExitCode::not_restorable);
}

TEST(ProgressLine, NamesWhatRuns) {
  Names names;
  names.databases[samples::id<DatabaseId>(0xd1)] = "orders";
  std::vector<Job> jobs = jobs_of({JobState::complete, JobState::running, JobState::queued});
  jobs[1].progress = {1024 * 1024, 4 * 1024 * 1024, "copying", 512 * 1024};
  EXPECT_EQ(progress_line(jobs, names),
            "1 of 3 done; backup of orders: copying 25% of 4.0 MiB, 512 KiB/s, 6.0s left; backup of orders: waiting");
}

TEST(ProgressText, SaysOnlyWhatIsKnown) {
  EXPECT_EQ(progress_text({0, 0, "waiting for the WAL stream", 0}), "waiting for the WAL stream");
  EXPECT_EQ(progress_text({0, 2048, "copying", 0}), "copying 0% of 2.0 KiB");
  EXPECT_EQ(progress_text({512, 0, "replaying", 1024}), "replaying, 1.0 KiB/s");
  EXPECT_EQ(seconds_left({512, 0, "", 1024}), std::nullopt);
  EXPECT_EQ(seconds_left({512, 2048, "", 512}), 3.0);
  EXPECT_EQ(seconds_left({4096, 2048, "", 512}), 0.0) << "it grew while it was copied";
}

TEST(ProgressBar, FillsUp) {
  EXPECT_EQ(progress_bar(0, 4), "[....]");
  EXPECT_EQ(progress_bar(0.5, 4), "[##..]");
  EXPECT_EQ(progress_bar(1.7, 4), "[####]");
}

// A coordinator with one job that is done after so many looks.
class Waiting : public testing::Test {
 protected:
  void SetUp() override {
    fleet_.wire.answer = [this](const OperatorBody& body) -> std::optional<OperatorReplyBody> {
      const auto* request = std::get_if<ListRequest>(&body);
      if (request == nullptr) return OperatorReplyBody(JobsReply{{samples::id<JobId>(1)}, {}});
      ListReply reply;
      if (request->what == Listing::jobs) {
        if (away_ > 0) {
          --away_;
          return std::nullopt;
        }
        reply.jobs = {samples::job(1, looks_-- > 0 ? JobState::running : end_)};
        reply.jobs[0].progress = {1, 2, "copying", 0};
        reply.jobs[0].error = end_ == JobState::failed ? "store is full" : "";
        reply.jobs[0].hint = end_ == JobState::failed ? "free some space" : "";
      }
      if (request->what == Listing::databases) reply.databases = {samples::database()};
      if (request->what == Listing::nodes) reply.nodes = {samples::node()};
      return OperatorReplyBody(reply);
    };
  }
  FakeFleet fleet_;
  int looks_ = 3;
  int away_ = 0;
  JobState end_ = JobState::complete;
};

TEST_F(Waiting, EndsWithTheJob) {
  EXPECT_EQ(fleet_.run({"backup", "create", "orders"}), 0) << fleet_.console.errors;
  EXPECT_EQ(fleet_.console.errors, "") << "a short wait says nothing when nobody watches";
}

TEST_F(Waiting, SaysALineEveryTenSecondsWithoutATerminal) {
  looks_ = 98;  // about 37 s
  EXPECT_EQ(fleet_.run({"backup", "create", "orders"}), 0);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("0 of 1 done; backup of orders: copying 50% of 2 B\n"));
  EXPECT_EQ(std::count(fleet_.console.errors.begin(), fleet_.console.errors.end(), '\n'), 3);
}

TEST_F(Waiting, DrawsABarOnATerminal) {
  fleet_.console.terminal = true;
  EXPECT_EQ(fleet_.run({"backup", "create", "orders"}), 0);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("\r\x1b[K[##########..........] 0 of 1 done"));
}

TEST_F(Waiting, TellsWhyAJobFailed) {
  end_ = JobState::failed;
  EXPECT_EQ(fleet_.run({"backup", "create", "orders"}), 1);
  EXPECT_EQ(fleet_.console.errors,
            "error: backup of database \"orders\" on node \"db3\": store is full\nhint: free some space\n");
}

TEST_F(Waiting, GoesOnWhenTheCoordinatorIsAwayForAMoment) {
  away_ = 8;
  EXPECT_EQ(fleet_.run({"backup", "create", "orders"}), 0) << fleet_.console.errors;
}

TEST_F(Waiting, GivesUpOnACoordinatorThatStaysAway) {
  away_ = 1'000'000;
  EXPECT_EQ(fleet_.run({"backup", "create", "orders"}), 1);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("did not answer"));
}

TEST_F(Waiting, StopsAfterTheTimeoutAndSaysHowToLookAgain) {
  looks_ = 1'000'000;
  EXPECT_EQ(fleet_.run({"backup", "create", "orders", "--timeout", "5s"}), 124);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("the work goes on"));
  EXPECT_THAT(fleet_.console.errors, HasSubstr("holdfast job watch " + samples::id<JobId>(1).text()));
}

TEST_F(Waiting, IsLeftByCtrlCAndCancelsNothing) {
  looks_ = 1'000'000;
  int seen = 0;
  fleet_.wire.while_waiting = [&] {
    if (++seen == 6) fleet_.stop.request_stop();
  };
  EXPECT_EQ(fleet_.run({"backup", "create", "orders"}), 124);
  EXPECT_THAT(fleet_.console.errors, HasSubstr("holdfast job watch"));
  EXPECT_EQ(fleet_.last<CancelJobRequest>(), nullptr);
}

TEST_F(Waiting, IsSkippedWithDetach) {
  EXPECT_EQ(fleet_.run({"backup", "create", "orders", "--detach"}), 0);
  EXPECT_EQ(fleet_.console.output, samples::id<JobId>(1).text() + "\n");
  EXPECT_EQ(looks_, 3) << "nobody looked";
}

}  // namespace
}  // namespace holdfast
