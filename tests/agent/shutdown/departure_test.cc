#include "agent/shutdown/departure.h"

#include <gmock/gmock.h>

#include <thread>

#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class WayOut : public testing::Test {
 protected:
  using What = Departure::What;
  What what(ShutdownReach reach) {
    What out;
    out.report.job.id = entropy_.id<JobId>();
    out.report.job.kind = reach == ShutdownReach::drain ? JobKind::drain : JobKind::shutdown;
    out.reach = reach;
    out.drain = std::chrono::seconds(30);
    return out;
  }
  Departure& begin(What what) {
    departure_ = std::make_unique<Departure>(
        std::move(what),
        Departure::Parts{runner_, *state_, clock_, Logger::none(),
                         [this] {
                           ++begun_;
                           return databases_.size();
                         },
                         [this] { hurried_ = true; }, [this](const JobReport& report) { told_.push_back(report); }});
    EXPECT_THAT(departure_->begin(), Succeeded());
    return *departure_;
  }
  // A job that ends when it is told to, or by release().
  JobId run_a_job() {
    JobReport report;
    report.job.id = entropy_.id<JobId>();
    EXPECT_THAT(runner_.start(report,
                              [this](JobReport&, const JobControl& control) -> Result<> {
                                while (!released_ && !control.stop.wait_for(std::chrono::milliseconds(1))) {
                                }
                                if (released_) return {};
                                return fail(Code::cancelled, "told to end");
                              }),
                Succeeded());
    return report.job.id;
  }
  // As the agent's loop does; the runner's threads take their time.
  DepartureEnd until_it_changes(DepartureEnd from) {
    for (int i = 0; i < 5000; ++i) {
      const DepartureEnd now = departure_->go_on();
      if (now != from) return now;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    return from;
  }
  void until_databases_end() {
    for (int i = 0; i < 5000 && begun_ == 0; ++i) {
      departure_->go_on();
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    ASSERT_EQ(begun_, 1);
  }
  EndedDatabase ended(std::size_t index, EndedDatabase::Standing standing = EndedDatabase::Standing::fine) {
    EndedDatabase out;
    out.receipt = databases_.at(index);
    out.receipt.verdict = "so it ended";
    out.standing = standing;
    return out;
  }
  Job stored() { return state_->report(departure_->job()).value()->job; }

  TemporaryDirectory directory_;
  SeededEntropy entropy_{9};
  ManualClock clock_;
  std::unique_ptr<AgentState> state_ = AgentState::open(directory_.path()).value();
  std::atomic<bool> released_{false};
  JobRunner runner_{*state_, clock_, Logger::none(), {}, [](const JobReport&, JobRunner::Stored) {}};
  std::vector<DatabaseReceipt> databases_;
  int begun_ = 0;
  bool hurried_ = false;
  std::vector<JobReport> told_;
  std::unique_ptr<Departure> departure_;
};

TEST_F(WayOut, WaitsForWhatRunsAndIsDrainedThen) {
  run_a_job();
  begin(what(ShutdownReach::drain));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(departure_->go_on(), DepartureEnd::under_way);
  released_ = true;
  EXPECT_EQ(until_it_changes(DepartureEnd::under_way), DepartureEnd::drained);
  EXPECT_EQ(stored().state, JobState::complete);
  EXPECT_EQ(stored().steps.at(0).name, "drain");
  EXPECT_EQ(begun_, 0) << "nobody said that databases are to stop";
}

TEST_F(WayOut, CutsOffWhatDoesNotEndInTimeAndNamesIt) {
  const JobId running = run_a_job();
  const JobId waiting = run_a_job();  // one backup at a time
  begin(what(ShutdownReach::drain));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::under_way);
  clock_.advance(std::chrono::seconds(31));
  EXPECT_EQ(until_it_changes(DepartureEnd::under_way), DepartureEnd::drained);
  for (const JobId id : {running, waiting}) {
    EXPECT_THAT(stored().steps.at(0).sentence, HasSubstr(id.text()));
    const Job cut = state_->report(id).value()->job;
    EXPECT_EQ(cut.state, JobState::failed);
    EXPECT_THAT(cut.error, HasSubstr("cut off"));
  }
}

TEST_F(WayOut, WaitsForNothingWhenForced) {
  run_a_job();
  auto forced = what(ShutdownReach::agent);
  forced.patience = What::Patience::forced;
  databases_.resize(1);
  begin(forced);
  until_databases_end();
  EXPECT_TRUE(hurried_);
}

TEST_F(WayOut, CanBeHurriedOnItsWay) {
  run_a_job();
  begin(what(ShutdownReach::drain));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::under_way);
  departure_->hurry();
  EXPECT_EQ(until_it_changes(DepartureEnd::under_way), DepartureEnd::drained);
}

TEST_F(WayOut, GoesWhenEveryDatabaseCameToItsEnd) {
  databases_.resize(2);
  for (auto& database : databases_) database.database = entropy_.id<DatabaseId>();
  begin(what(ShutdownReach::databases));
  until_databases_end();
  departure_->note(databases_[0], {"checkpoint", StepOutcome::done, Micros(5), {}});
  EXPECT_EQ(stored().receipts.at(0).steps.at(0).name, "checkpoint") << "a step is in the journal when it is done";
  departure_->take(ended(0));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::under_way);
  departure_->take(ended(1));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::goes);
  EXPECT_EQ(stored().state, JobState::running) << "the agent has not stopped yet";
  EXPECT_EQ(departure_->finish(), Departure::Outcome::whole);
  EXPECT_EQ(stored().state, JobState::complete);
  EXPECT_EQ(stored().receipts.size(), 2U);
  EXPECT_EQ(stored().steps.back().name, "agent");
  EXPECT_EQ(told_.back().job.state, JobState::complete);
}

TEST_F(WayOut, StaysWhenSomethingMayBeMissing) {
  databases_.resize(1);
  databases_[0].name = "orders";
  begin(what(ShutdownReach::databases));
  until_databases_end();
  departure_->take(ended(0, EndedDatabase::Standing::incomplete));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::stays);
  EXPECT_EQ(stored().state, JobState::failed);
  EXPECT_THAT(stored().error, HasSubstr("orders"));
  EXPECT_THAT(stored().hint, HasSubstr("--force"));
}

TEST_F(WayOut, GoesInAnyCaseWhenItIsForcedOrItsProcessIsToEndAndSaysThatItIsNotWhole) {
  databases_.resize(1);
  auto forced = what(ShutdownReach::databases);
  forced.patience = What::Patience::forced;
  begin(forced);
  until_databases_end();
  departure_->take(ended(0, EndedDatabase::Standing::incomplete));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::goes);
  EXPECT_EQ(departure_->finish(), Departure::Outcome::incomplete);

  begun_ = 0;
  begin(what(ShutdownReach::databases));
  until_databases_end();
  departure_->must_go(std::chrono::seconds(1));
  departure_->take(ended(0, EndedDatabase::Standing::incomplete));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::goes);
  EXPECT_EQ(departure_->finish(), Departure::Outcome::incomplete);
}

TEST_F(WayOut, ADrainBecomesTheEndOfTheAgentWhenItsProcessIsToEnd) {
  run_a_job();
  auto drain = what(ShutdownReach::drain);
  drain.drain = std::chrono::hours(24);
  begin(drain);
  EXPECT_EQ(departure_->go_on(), DepartureEnd::under_way);
  departure_->must_go(std::chrono::seconds(30));
  EXPECT_EQ(departure_->go_on(), DepartureEnd::under_way) << "what runs has its time still";
  clock_.advance(std::chrono::seconds(31));
  EXPECT_EQ(until_it_changes(DepartureEnd::under_way), DepartureEnd::goes);
}

TEST_F(WayOut, CanBeCancelledAsLongAsNothingHasStopped) {
  run_a_job();
  begin(what(ShutdownReach::databases));
  EXPECT_TRUE(departure_->cancel());
  EXPECT_EQ(departure_->go_on(), DepartureEnd::stays);
  EXPECT_EQ(stored().state, JobState::cancelled);

  released_ = true;
  databases_.resize(1);
  begin(what(ShutdownReach::databases));
  until_databases_end();
  EXPECT_FALSE(departure_->cancel());
  EXPECT_EQ(departure_->go_on(), DepartureEnd::under_way);
}

}  // namespace
}  // namespace holdfast
