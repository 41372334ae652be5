#include "agent/state/state.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

class AgentMemory : public testing::Test {
 protected:
  AgentMemory() { reopen(); }
  void reopen() {
    state_.reset();
    auto opened = AgentState::open(directory_.path());
    ASSERT_THAT(opened, Succeeded());
    state_ = std::move(*opened);
  }
  Order backup_order() {
    Order order;
    order.id = entropy_.id<JobId>();
    order.epoch = 3;
    order.body = BackupOrder{entropy_.id<DatabaseId>(), entropy_.id<BackupId>(), BackupType::full, "note"};
    return order;
  }
  JobReport report(JobId id, JobState state) {
    JobReport out;
    out.job.id = id;
    out.job.state = state;
    return out;
  }

  TemporaryDirectory directory_;
  SeededEntropy entropy_{7};
  std::unique_ptr<AgentState> state_;
};

TEST_F(AgentMemory, KnowsNothingAtFirst) {
  EXPECT_FALSE(state_->identity().value().has_value());
  EXPECT_FALSE(state_->assignment().value().has_value());
  EXPECT_EQ(state_->coordinator_epoch().value(), 0U);
  EXPECT_TRUE(state_->unconfirmed_reports().value().empty());
}

TEST_F(AgentMemory, KeepsIdentityAndAssignmentOverARestart) {
  Enrolled identity;
  identity.node = entropy_.id<NodeId>();
  identity.name = "db3";
  identity.endpoints = {"tcp://c:7400"};
  ASSERT_THAT(state_->save_identity(identity), Succeeded());
  Assignment assignment;
  assignment.revision = 9;
  assignment.databases.emplace_back();
  assignment.databases.back().policy.full = "@hourly";
  ASSERT_THAT(state_->save_assignment(assignment), Succeeded());
  reopen();
  EXPECT_EQ(state_->identity().value()->name, "db3");
  EXPECT_EQ(state_->assignment().value().value(), assignment);
}

TEST_F(AgentMemory, LetsOnlyOneAgentIn) {
  EXPECT_THAT(AgentState::open(directory_.path()), FailedWith(Code::conflict, "another agent"));
}

TEST_F(AgentMemory, CanBeReadBesideTheAgent) {
  ASSERT_THAT(state_->save_coordinator_epoch(5), Succeeded());
  const auto reader = AgentState::open_to_read(directory_.path());
  ASSERT_THAT(reader, Succeeded());
  EXPECT_EQ((*reader)->coordinator_epoch().value(), 5U);
}

TEST_F(AgentMemory, KeepsALossOfLogUntilItIsForgotten) {
  const auto database = entropy_.id<DatabaseId>();
  EXPECT_FALSE(state_->wal_loss(database).value().has_value());
  const WalLoss loss{Timestamp::from_micros(1000), Lsn(0xffff'ffff'0000'0000)};
  ASSERT_THAT(state_->save_wal_loss(database, {Timestamp::from_micros(500), Lsn(7)}), Succeeded());
  ASSERT_THAT(state_->save_wal_loss(database, loss), Succeeded());
  reopen();
  EXPECT_EQ(state_->wal_loss(database).value(), loss);
  ASSERT_THAT(state_->forget_wal_loss(database), Succeeded());
  EXPECT_FALSE(state_->wal_loss(database).value().has_value());
}

TEST_F(AgentMemory, KeepsTheAccountOfASchedule) {
  const DatabaseId database = entropy_.id<DatabaseId>();
  RunLedger ledger;
  ledger.schedule.full = "0 1 * * *";
  ledger.schedule.window = "22:00-06:00";
  ledger.since = Timestamp::from_micros(5);
  ledger.through = Timestamp::from_micros(6);
  ledger.owed_at = Timestamp::from_micros(7);
  ledger.owed_type = BackupType::differential;
  ledger.held_by = "the node was cordoned";
  ledger.missed = {3, Timestamp::from_micros(8), "the agent did not run"};
  ASSERT_THAT(state_->save_run_ledger(database, RunLedger()), Succeeded());
  ASSERT_THAT(state_->save_run_ledger(database, ledger), Succeeded());
  reopen();
  EXPECT_EQ(state_->run_ledgers().value(), (std::map<DatabaseId, RunLedger>{{database, ledger}}));
  ASSERT_THAT(state_->forget_run_ledger(database), Succeeded());
  EXPECT_TRUE(state_->run_ledgers().value().empty());
}

TEST_F(AgentMemory, TakesOverTheStateOfTheFirstVersion) {
  ASSERT_THAT(state_->save_coordinator_epoch(5), Succeeded());
  state_.reset();
  {
    auto connection =
        SqliteConnection::open(directory_ / "state.db", SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(connection.execute("DROP TABLE migrations; DROP TABLE wal_losses; DROP TABLE passes; DROP TABLE "
                                   "run_ledgers; ALTER TABLE runs DROP COLUMN type;"
                                   "INSERT INTO runs VALUES (x'01020304050607080102030405060708', 77);"
                                   "PRAGMA user_version = 1"),
                Succeeded());
  }
  reopen();
  const auto run = state_->last_run(DatabaseId({1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8})).value();
  EXPECT_EQ(run.began, Timestamp::from_micros(77));
  EXPECT_EQ(run.type, BackupType::full);
  EXPECT_EQ(state_->coordinator_epoch().value(), 5U);
  EXPECT_FALSE(state_->wal_loss(entropy_.id<DatabaseId>()).value().has_value());
}

TEST_F(AgentMemory, ForgetsConfirmedJobsThatEndedLongAgo) {
  const Timestamp limit = Timestamp::from_micros(1'000'000);
  const auto ended = [&](JobKind kind, JobState state, std::int64_t at) {
    JobReport out = report(entropy_.id<JobId>(), state);
    out.job.kind = kind;
    out.job.database = DatabaseId({1});
    out.job.finished_at = Timestamp::from_micros(at);
    return state_->save_report(out).value();
  };
  const auto confirmed = [&](const JobReport& told) {
    EXPECT_THAT(state_->confirm_report(told.job.id, told.sequence), Succeeded());
    return told.job.id;
  };
  const JobId old = confirmed(ended(JobKind::restore, JobState::complete, 999'999));
  const JobId recent = confirmed(ended(JobKind::restore, JobState::complete, 1'000'000));
  const JobId untold = ended(JobKind::restore, JobState::complete, 1).job.id;
  const JobId running = confirmed(ended(JobKind::restore, JobState::running, 0));
  const JobId newest = confirmed(ended(JobKind::backup, JobState::failed, 30));
  const JobId newest_complete = confirmed(ended(JobKind::backup, JobState::complete, 20));
  const JobId older = confirmed(ended(JobKind::backup, JobState::complete, 10));
  for (const JobId id : {old, recent}) ASSERT_THAT(state_->save_restore_step({id, "aside", {}}), Succeeded());

  EXPECT_EQ(state_->forget_jobs(limit).value(), 2U);
  reopen();
  const auto known = [&](JobId id) { return state_->report(id).value().has_value(); };
  EXPECT_FALSE(known(old));
  EXPECT_FALSE(known(older));
  EXPECT_TRUE(known(recent) && known(untold) && known(running) && known(newest) && known(newest_complete));
  EXPECT_TRUE(state_->restore_steps(old).value().empty());
  EXPECT_EQ(state_->restore_steps(recent).value().size(), 1U);
  EXPECT_EQ(state_->unconfirmed_reports().value().size(), 1U);
  EXPECT_EQ(state_->forget_jobs(limit).value(), 0U);
}

TEST_F(AgentMemory, CountsUpOverRestarts) {
  EXPECT_EQ(state_->next("generation").value(), 1U);
  EXPECT_EQ(state_->next("generation").value(), 2U);
  reopen();
  EXPECT_EQ(state_->next("generation").value(), 3U);
  EXPECT_EQ(state_->next("inventory").value(), 1U);
}

TEST_F(AgentMemory, TakesAnOrderOnce) {
  const Order order = backup_order();
  EXPECT_TRUE(state_->accept_order(order).value());
  EXPECT_FALSE(state_->accept_order(order).value());
  reopen();
  EXPECT_FALSE(state_->accept_order(order).value());
  ASSERT_EQ(state_->orders_without_report().value().size(), 1U);
  EXPECT_EQ(state_->orders_without_report().value()[0].id, order.id);
}

TEST_F(AgentMemory, KeepsTheNewestReportUntilThatOneIsConfirmed) {
  const auto id = entropy_.id<JobId>();
  const auto began = state_->save_report(report(id, JobState::running));
  const auto ended = state_->save_report(report(id, JobState::complete));
  ASSERT_THAT(ended, Succeeded());
  EXPECT_GT(ended->sequence, began->sequence);
  ASSERT_THAT(state_->confirm_report(id, began->sequence), Succeeded());
  ASSERT_EQ(state_->unconfirmed_reports().value().size(), 1U);
  EXPECT_EQ(state_->unconfirmed_reports().value()[0].job.state, JobState::complete);
  ASSERT_THAT(state_->confirm_report(id, ended->sequence), Succeeded());
  EXPECT_TRUE(state_->unconfirmed_reports().value().empty());
}

TEST_F(AgentMemory, NumbersAStoredReportAboveAnyProgressBeforeIt) {
  const auto id = entropy_.id<JobId>();
  const std::uint64_t began = state_->save_report(report(id, JobState::running)).value().sequence;
  const std::uint64_t progress = began + 1'000'000;
  reopen();
  EXPECT_GT(state_->save_report(report(id, JobState::failed)).value().sequence, progress);
}

TEST_F(AgentMemory, TellsWhichJobsWereCutOff) {
  const auto cut_off = entropy_.id<JobId>();
  const auto ended = entropy_.id<JobId>();
  ASSERT_THAT(state_->save_report(report(cut_off, JobState::running)), Succeeded());
  ASSERT_THAT(state_->save_report(report(ended, JobState::failed)), Succeeded());
  reopen();
  ASSERT_EQ(state_->unfinished().value().size(), 1U);
  EXPECT_EQ(state_->unfinished().value()[0].job.id, cut_off);
}

TEST_F(AgentMemory, KnowsWhereWalGoesOn) {
  const auto database = entropy_.id<DatabaseId>();
  WalResume resume;
  resume.system_id = SystemId(0xfedcba9876543210);
  resume.timeline = Timeline(3);
  resume.first = Lsn(0x1000000);
  resume.durable = Lsn(0xffffffff00000000);
  resume.predecessor.fill(9);
  resume.through_time = Timestamp::from_micros(5);
  ASSERT_THAT(state_->save_wal(database, resume), Succeeded());
  reopen();
  const auto read = state_->wal(database).value().value();
  EXPECT_EQ(read.system_id, resume.system_id);
  EXPECT_EQ(read.durable, resume.durable);
  EXPECT_EQ(read.predecessor, resume.predecessor);
  ASSERT_THAT(state_->forget_wal(database), Succeeded());
  EXPECT_FALSE(state_->wal(database).value().has_value());
}

TEST_F(AgentMemory, KeepsPassesToBuckets) {
  KeptPass pass{entropy_.id<StoreId>(),
                "db/",
                {"https://s3/bucket", {{"policy", "p"}}, std::chrono::hours(24)},
                Timestamp::from_micros(5)};
  ASSERT_THAT(state_->save_pass(pass), Succeeded());
  pass.since = Timestamp::from_micros(6);
  ASSERT_THAT(state_->save_pass(pass), Succeeded());
  reopen();
  const auto read = state_->passes().value();
  ASSERT_EQ(read.size(), 1U);
  EXPECT_EQ(read[0].store, pass.store);
  EXPECT_EQ(read[0].scope, "db/");
  EXPECT_EQ(read[0].pass, pass.pass);
  EXPECT_EQ(read[0].until(), pass.since + std::chrono::hours(24));
  ASSERT_THAT(state_->forget_pass(pass.store, "db/"), Succeeded());
  EXPECT_TRUE(state_->passes().value().empty());
}

TEST_F(AgentMemory, KeepsTheOutboxInOrderUntilConfirmed) {
  const EpochInfo epoch{entropy_.id<DatabaseId>(), entropy_.id<EpochId>(), {1, 2, 3}};
  const TimelineChange change{epoch.database, Timeline(2), Timeline(1), Lsn(7)};
  ASSERT_THAT(state_->add_to_outbox(EpochReport{epoch}), Succeeded());
  ASSERT_THAT(state_->add_to_outbox(HistoryReport{change}), Succeeded());
  ASSERT_THAT(state_->add_to_outbox(HistoryReport{change}), Succeeded());
  reopen();
  const auto outbox = state_->outbox().value();
  ASSERT_EQ(outbox.size(), 2U);
  EXPECT_EQ(std::get<EpochReport>(outbox[0].report).epoch, epoch);
  ASSERT_THAT(state_->confirm_epoch(epoch.id), Succeeded());
  ASSERT_EQ(state_->outbox().value().size(), 1U);
  ASSERT_THAT(state_->confirm_history(change.database, change.timeline), Succeeded());
  EXPECT_TRUE(state_->outbox().value().empty());
}

TEST_F(AgentMemory, IsRefusedWhenANewerAgentWroteIt) {
  state_.reset();
  {
    auto connection = SqliteConnection::open(directory_ / "state.db", SqliteOpen::read_write, Micros(0));
    ASSERT_THAT(connection->execute("PRAGMA user_version = 99"), Succeeded());
  }
  EXPECT_THAT(AgentState::open(directory_.path()), FailedWith(Code::unsupported, "version 99"));
}

TEST_F(AgentMemory, KnowsOfARunThatDidNotEndInOrder) {
  const auto began = Timestamp::from_micros(1'700'000'000'000'000);
  EXPECT_FALSE(state_->begin_run({began, "boot 1"}).value());
  reopen();
  const auto before = state_->begin_run({began + std::chrono::hours(1), "boot 2"}).value();
  ASSERT_TRUE(before);
  EXPECT_EQ(before->began, began);
  EXPECT_EQ(before->boot, "boot 1");
  ASSERT_THAT(state_->end_run(), Succeeded());
  reopen();
  EXPECT_FALSE(state_->begin_run({began, "boot 2"}).value());
}

}  // namespace
}  // namespace holdfast
