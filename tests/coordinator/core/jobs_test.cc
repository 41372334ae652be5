#include "shared/repository/record.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Jobs : public FleetFixture {
 protected:
  Host host_ = join("db1");
  DatabaseId orders_;

  void SetUp() override {
    add_store();
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
  }
  // The order that leaves when an operator asks for a backup.
  Order order_backup(CreateBackupRequest request = {}) {
    request.selection.names = {"orders"};
    MessageCame came;
    came.peer = admin_.public_key;
    came.message.id = ++requests_;
    came.message.body = OperatorRequest{protocol_min, protocol_max, request};
    const auto sends = apply(came);
    const auto* order = find_body<Order>(sends);
    if (order == nullptr) {
      ADD_FAILURE() << "no order left";
      return {};
    }
    return *order;
  }
  Job job(JobId id) {
    for (const auto& one : list(Listing::jobs).jobs) {
      if (one.id == id) return one;
    }
    ADD_FAILURE() << "no job " << id.text();
    return {};
  }
  JobReport report(JobId id, std::uint64_t sequence, JobState state) {
    JobReport out;
    out.sequence = sequence;
    out.job.id = id;
    out.job.kind = JobKind::backup;
    out.job.state = state;
    out.job.database = orders_;
    out.job.created_at = now_;
    return out;
  }
};

TEST_F(Jobs, RepeatAnOrderWithTheSameIdUntilItIsAcknowledged) {
  const Order order = order_backup();
  EXPECT_EQ(order.epoch, epoch_);
  pass(std::chrono::seconds(6));
  auto again = tick();
  ASSERT_EQ(count_bodies<Order>(again), 1U);
  EXPECT_EQ(find_body<Order>(again)->id, order.id);
  say(host_, OrderAck{order.id, true, {}, {}});
  pass(std::chrono::seconds(6));
  EXPECT_EQ(count_bodies<Order>(tick()), 0U);
  EXPECT_EQ(job(order.id).state, JobState::queued);
}

TEST_F(Jobs, KeepOrdersAcrossARestartUnderTheNewEpoch) {
  const Order order = order_backup();
  restart();
  hello(host_);
  const auto sends = tick();
  ASSERT_EQ(count_bodies<Order>(sends), 1U);
  EXPECT_EQ(find_body<Order>(sends)->id, order.id);
  EXPECT_EQ(find_body<Order>(sends)->epoch, epoch_);
}

TEST_F(Jobs, FailWhenTheirNodeRefusesTheOrder) {
  const Order order = order_backup();
  say(host_, OrderAck{order.id, false, Code::conflict, "draining"});
  EXPECT_EQ(job(order.id).state, JobState::failed);
  EXPECT_NE(job(order.id).error.find("draining"), std::string::npos);
}

TEST_F(Jobs, AreLostWhenNobodyTakesThemInTime) {
  const Order order = order_backup();
  pass(std::chrono::hours(25));
  tick();
  EXPECT_EQ(job(order.id).state, JobState::lost);
  EXPECT_EQ(job(order.id).code, Code::timed_out);
  hello(host_);
  EXPECT_EQ(count_bodies<Order>(tick()), 0U);
}

TEST_F(Jobs, TakeTheirEndEvenAfterTheyWereGivenUp) {
  const Order order = order_backup();
  say(host_, OrderAck{order.id, true, {}, {}});
  pass(std::chrono::hours(25));
  tick();
  ASSERT_EQ(job(order.id).state, JobState::lost);
  say(host_, report(order.id, 3, JobState::running));
  EXPECT_EQ(job(order.id).state, JobState::lost);
  report_epoch(host_, orders_);
  const auto sends =
      say(host_, complete_backup(host_, orders_, order.id, std::get<BackupOrder>(order.body).backup, {}));
  EXPECT_NE(find_body<JobReportAck>(sends), nullptr);
  EXPECT_EQ(job(order.id).state, JobState::complete);
}

TEST_F(Jobs, NeverGoBack) {
  const Order order = order_backup();
  say(host_, report(order.id, 2, JobState::running));
  EXPECT_EQ(job(order.id).state, JobState::running);
  say(host_, report(order.id, 1, JobState::queued));  // came late
  say(host_, report(order.id, 3, JobState::queued));  // makes no sense
  EXPECT_EQ(job(order.id).state, JobState::running);
  say(host_, report(order.id, 4, JobState::failed));
  say(host_, report(order.id, 5, JobState::running));
  EXPECT_EQ(job(order.id).state, JobState::failed);
}

TEST_F(Jobs, AcknowledgeARepeatedReportWithoutStoringIt) {
  const JobId id({1});
  say(host_, report(id, 1, JobState::running));
  MessageCame came;
  came.peer = host_.curve.public_key;
  came.message.body = report(id, 1, JobState::running);
  const Effects effects = core_->apply(came, now_);
  EXPECT_EQ(count_bodies<JobReportAck>(effects.sends), 1U);
  EXPECT_TRUE(effects.changes.empty());
}

TEST_F(Jobs, AppearByTheirReportsWhenTheAgentBeganThem) {
  say(host_, report(JobId({1}), 1, JobState::running));
  EXPECT_EQ(job(JobId({1})).origin, "schedule");
  EXPECT_EQ(job(JobId({1})).node, host_.node);
}

TEST_F(Jobs, OfOtherPeoplesDatabasesAreDroppedWithAnAlert) {
  Host stranger = join("stranger");
  alerts_.clear();
  EXPECT_EQ(find_body<JobReportAck>(say(stranger, report(JobId({1}), 1, JobState::running))), nullptr);
  EXPECT_TRUE(list(Listing::jobs).jobs.empty());
  EXPECT_EQ(alerts_.size(), 1U);
  const Order order = order_backup();
  EXPECT_EQ(find_body<JobReportAck>(say(stranger, report(order.id, 1, JobState::failed))), nullptr);
  say(stranger, OrderAck{order.id, true, {}, {}});
  EXPECT_EQ(job(order.id).state, JobState::queued);
  pass(std::chrono::seconds(6));
  EXPECT_EQ(count_bodies<Order>(tick()), 1U);
}

TEST_F(Jobs, CarryWhatTheOperatorAskedOfABackup) {
  CreateBackupRequest request;
  request.type = BackupType::differential;
  request.note = "before the upgrade";
  request.skip_page_check = true;
  const auto order = order_backup(request);
  const auto& backup = std::get<BackupOrder>(order.body);
  EXPECT_EQ(backup.database, orders_);
  EXPECT_EQ(backup.type, BackupType::differential);
  EXPECT_EQ(backup.note, "before the upgrade");
  EXPECT_TRUE(backup.skip_page_check);
}

TEST_F(Jobs, AreCancelledAtOnceWhileNobodyHasThem) {
  pass(std::chrono::minutes(10));
  tick();  // the node is offline now
  CreateBackupRequest request;
  request.selection.names = {"orders"};
  const auto reply = expect<JobsReply>(request);
  EXPECT_EQ(reply.warnings.size(), 1U);
  expect<DoneReply>(CancelJobRequest{reply.jobs.at(0).text()});
  EXPECT_EQ(job(reply.jobs[0]).state, JobState::cancelled);
  hello(host_);
  EXPECT_EQ(count_bodies<Order>(tick()), 0U);
  EXPECT_EQ(refusal(CancelJobRequest{reply.jobs[0].text()}).code, Code::conflict);
}

TEST_F(Jobs, AreCancelledByTheirNodeWhenItHasThem) {
  const Order order = order_backup();
  say(host_, OrderAck{order.id, true, {}, {}});
  say(host_, report(order.id, 1, JobState::running));
  expect<DoneReply>(CancelJobRequest{order.id.text()});
  EXPECT_EQ(job(order.id).state, JobState::running);
  restart();
  hello(host_);
  const auto sends = tick();
  ASSERT_EQ(count_bodies<Order>(sends), 1U);
  EXPECT_EQ(std::get<CancelOrder>(find_body<Order>(sends)->body).job, order.id);
  say(host_, OrderAck{find_body<Order>(sends)->id, true, {}, {}});
  say(host_, report(order.id, 2, JobState::cancelled));
  EXPECT_EQ(job(order.id).state, JobState::cancelled);
}

TEST_F(Jobs, DoNotBackUpADatabaseTwiceAtOnce) {
  order_backup();
  CreateBackupRequest request;
  request.selection.names = {"orders"};
  EXPECT_EQ(refusal(request).code, Code::conflict);
}

TEST_F(Jobs, MakeABackupCompleteOnlyWithItsSignedRecord) {
  report_epoch(host_, orders_);
  const JobId id({1});
  auto bare = report(id, 1, JobState::complete);
  EXPECT_NE(find_body<JobReportAck>(say(host_, bare)), nullptr);
  EXPECT_EQ(job(id).state, JobState::failed);
  EXPECT_TRUE(list(Listing::backups).backups.empty());
}

TEST_F(Jobs, BelieveTheRecordAndNotTheMessage) {
  report_epoch(host_, orders_);
  const BackupId backup({5});
  auto said = complete_backup(host_, orders_, JobId({1}), backup, {Lsn(100), Lsn(200), Timeline(1)});
  said.backup->start_lsn = Lsn(1);
  said.backup->stored_bytes = 999;
  said.backup->keep = true;
  say(host_, said);
  const auto rows = list(Listing::backups).backups;
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].state, BackupState::complete);
  EXPECT_EQ(rows[0].start_lsn, Lsn(100));
  EXPECT_EQ(rows[0].stored_bytes, 1000U);
  EXPECT_FALSE(rows[0].keep);
  EXPECT_TRUE(rows[0].record.empty());  // not for operators
}

TEST_F(Jobs, WaitForTheDataKeyBeforeTheyAnswerForABackup) {
  const JobId id({1});
  const auto made = make_epoch(entropy_, fleet_, orders_, host_.node, {{"recovery", recovery_.public_key}},
                               *CertificateChain::decode(host_.chain), host_.signer, now_);
  host_.epochs[orders_] = made->document.epoch;
  const auto said = complete_backup(host_, orders_, id, BackupId({5}), {});
  EXPECT_EQ(find_body<JobReportAck>(say(host_, said)), nullptr);
  EXPECT_TRUE(list(Listing::backups).backups.empty());
  EpochInfo info;
  info.database = orders_;
  info.id = made->document.epoch;
  info.object = made->object;
  say(host_, EpochReport{info});
  EXPECT_NE(find_body<JobReportAck>(say(host_, said)), nullptr);
  EXPECT_EQ(list(Listing::backups).backups.size(), 1U);
}

TEST_F(Jobs, RefuseARecordThatDoesNotFit) {
  Host other = join("db2");
  inventory(other, {postgres("/srv/events", 8)});
  const DatabaseId events = database("events").id;
  report_epoch(host_, orders_);
  report_epoch(other, events);
  const auto honest = complete_backup(other, events, JobId({7}), BackupId({7}), {});

  auto foreign = complete_backup(host_, orders_, JobId({1}), BackupId({1}), {});
  foreign.backup->record = honest.backup->record;  // of another node and database
  auto flipped = complete_backup(host_, orders_, JobId({2}), BackupId({2}), {});
  flipped.backup->record.back() ^= 1U;
  auto renamed = complete_backup(host_, orders_, JobId({3}), BackupId({3}), {});
  renamed.backup->id = BackupId({4});
  renamed.job.backup = BackupId({4});
  Host forger = make_host("forger");
  forger.node = host_.node;
  forger.epochs = host_.epochs;
  auto forged = complete_backup(forger, orders_, JobId({5}), BackupId({5}), {});  // signed by another key
  for (auto* said : {&flipped, &renamed, &forged}) {
    say(host_, *said);
    EXPECT_EQ(job(said->job.id).state, JobState::failed);
  }
  say(host_, foreign);
  for (const auto& backup : list(Listing::backups).backups) EXPECT_NE(backup.state, BackupState::complete);
}

TEST_F(Jobs, LeaveNoRunningBackupBehindWhenTheyFail) {
  auto running = report(JobId({1}), 1, JobState::running);
  Backup row;
  row.id = BackupId({5});
  row.database = orders_;
  running.backup = row;
  running.job.backup = row.id;
  say(host_, running);
  EXPECT_EQ(list(Listing::backups).backups.at(0).state, BackupState::running);
  auto failed = report(JobId({1}), 2, JobState::failed);
  failed.job.error = "the store is full";
  say(host_, failed);
  EXPECT_EQ(list(Listing::backups).backups.at(0).state, BackupState::failed);
  EXPECT_EQ(list(Listing::backups).backups.at(0).error, "the store is full");
}

TEST_F(Jobs, OfAStoreCheckTellTheStoresState) {
  const auto reply = expect<JobsReply>(StoreRequest{StoreRequest::Verb::check, "local"});
  auto said = report(reply.jobs.at(0), 1, JobState::failed);
  said.job.kind = JobKind::store_check;
  said.job.error = "permission denied";
  say(host_, said);
  EXPECT_NE(list(Listing::stores).stores.at(0).state.find("permission denied"), std::string::npos);
}

TEST_F(Jobs, RefuseADataKeyThatIsNotTheNodesOwn) {
  Host other = join("db2");
  inventory(other, {postgres("/srv/events", 8)});
  const auto made = make_epoch(entropy_, fleet_, orders_, host_.node, {{"recovery", recovery_.public_key}},
                               *CertificateChain::decode(host_.chain), host_.signer, now_);
  EpochInfo info;
  info.database = database("events").id;
  info.id = made->document.epoch;
  info.object = made->object;
  EXPECT_EQ(find_body<EpochReportAck>(say(other, EpochReport{info})), nullptr);
  info.database = orders_;
  EXPECT_EQ(find_body<EpochReportAck>(say(other, EpochReport{info})), nullptr);
  EXPECT_NE(find_body<EpochReportAck>(say(host_, EpochReport{info})), nullptr);
}

}  // namespace
}  // namespace holdfast
