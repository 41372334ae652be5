#include <algorithm>

#include "shared/repository/layout.h"
#include "shared/repository/record.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Restores : public FleetFixture {
 protected:
  Host host_ = join("db1", {{"fleet", "demo"}});
  DatabaseId orders_;
  BackupId backup_;
  Timestamp taken_at_;

  void SetUp() override {
    add_store();
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
    backup_ = take_backup(host_, orders_, {Lsn(100), Lsn(200), Timeline(1)});
    taken_at_ = now_;
    live({&host_}, std::chrono::minutes(10));
    ship(host_, orders_, Timeline(1), Lsn(50), Lsn(900), taken_at_ - std::chrono::hours(1), now_);
  }
  RestorePlanRequest request() {
    RestorePlanRequest out;
    out.selection.names = {"orders"};
    return out;
  }
  std::vector<RestoreRunRequest::Grant> grants(const RestorePlanReply& plan) {
    std::vector<RestoreRunRequest::Grant> out;
    for (const auto& needed : plan.epochs) out.push_back({needed.node, {needed.epoch.id, Bytes{1}}});
    return out;
  }
  JobId run(const RestorePlanReply& plan) {
    return expect<JobsReply>(RestoreRunRequest{plan.restore.id, grants(plan)}).jobs.at(0);
  }
  Restore restore(RestoreId id) {
    for (const auto& one : list(Listing::restores).restores) {
      if (one.id == id) return one;
    }
    ADD_FAILURE() << "no such restore";
    return {};
  }
  void report(JobId id, std::uint64_t sequence, JobKind kind, JobState state, const std::string& aside = {}) {
    JobReport out;
    out.sequence = sequence;
    out.job.id = id;
    out.job.kind = kind;
    out.job.state = state;
    out.job.database = orders_;
    if (!aside.empty()) {
      out.target = RestoreTarget{};
      out.target->aside = aside;
      out.target->reached_lsn = Lsn(800);
    }
    say(host_, out);
  }
};

TEST_F(Restores, ArePlannedInPlaceUnlessToldOtherwise) {
  const auto plan = expect<RestorePlanReply>(request());
  ASSERT_EQ(plan.restore.targets.size(), 1U);
  const auto& target = plan.restore.targets[0];
  EXPECT_EQ(target.node, host_.node);
  EXPECT_EQ(target.directory, "/srv/orders");
  EXPECT_TRUE(target.in_place);
  EXPECT_EQ(target.backup, backup_);
  EXPECT_EQ(target.timeline, Timeline(1));
  EXPECT_EQ(target.epochs, std::vector<EpochId>{host_.epochs[orders_]});
  ASSERT_EQ(plan.epochs.size(), 1U);
  EXPECT_EQ(plan.epochs[0].recipient, host_.recipient.public_key);
  EXPECT_FALSE(plan.epochs[0].epoch.object.empty());
}

TEST_F(Restores, GoToAnotherNodeAndDirectory) {
  Host spare = join("spare");
  auto asked = request();
  asked.target_node = "spare";
  asked.target_directory = "/restore";
  auto plan = expect<RestorePlanReply>(asked);
  EXPECT_EQ(plan.restore.targets[0].node, spare.node);
  EXPECT_EQ(plan.restore.targets[0].directory, "/restore");
  EXPECT_FALSE(plan.restore.targets[0].in_place);
  EXPECT_EQ(plan.epochs.at(0).recipient, spare.recipient.public_key);
  asked = request();
  asked.map = {{"orders", "spare", "/elsewhere"}};
  plan = expect<RestorePlanReply>(asked);
  EXPECT_EQ(plan.restore.targets[0].node, spare.node);
  EXPECT_EQ(plan.restore.targets[0].directory, "/elsewhere");
  asked.map = {};
  asked.target_node = "nobody";
  EXPECT_EQ(refusal(asked).code, Code::not_found);
}

TEST_F(Restores, OfSeveralDatabasesIntoOneDirectoryGetOneBelowItEach) {
  inventory(host_, {postgres("/srv/orders", 7), postgres("/srv/events", 8)});
  take_backup(host_, database("events").id, {});
  RestorePlanRequest asked;
  asked.selection.selector = "fleet=demo";
  asked.target_directory = "/restore";
  const auto plan = expect<RestorePlanReply>(asked);
  std::set<std::string> directories;
  for (const auto& target : plan.restore.targets) directories.insert(target.directory);
  EXPECT_EQ(directories, (std::set<std::string>{"/restore/events", "/restore/orders"}));
}

TEST_F(Restores, LeaveExcludedDatabasesOutOfASelection) {
  auto excluded = sqlite("/srv/cache.db");
  excluded.excluded = true;
  inventory(host_, {postgres("/srv/orders", 7), excluded});
  RestorePlanRequest asked;
  asked.selection.selector = "fleet=demo";
  const auto plan = expect<RestorePlanReply>(asked);
  EXPECT_EQ(plan.restore.targets.size(), 1U);
  asked.selection.selector = "engine=sqlite";
  EXPECT_EQ(refusal(asked).code, Code::conflict);
}

TEST_F(Restores, SayWhichPointCouldBeReachedInstead) {
  auto asked = request();
  asked.target.kind = TargetKind::time;
  asked.target.time = now_ + std::chrono::hours(1);
  const auto refused = refusal(asked);
  EXPECT_EQ(refused.code, Code::not_restorable);
  EXPECT_NE(refused.hint.find(to_rfc3339(now_)), std::string::npos) << refused.hint;
  asked.target.time = now_;
  EXPECT_EQ(expect<RestorePlanReply>(asked).restore.targets.size(), 1U);
}

TEST_F(Restores, RunExactlyWhatWasPlanned) {
  const auto plan = expect<RestorePlanReply>(request());
  take_backup(host_, orders_, {Lsn(500), Lsn(600), Timeline(1)});  // newer, but not in the plan
  MessageCame came;
  came.peer = admin_.public_key;
  came.message.id = 999;
  came.message.body = OperatorRequest{1, 1, RestoreRunRequest{plan.restore.id, grants(plan)}};
  const auto sends = apply(came);
  const auto* order = find_body<Order>(sends);
  ASSERT_NE(order, nullptr);
  const auto& body = std::get<RestoreOrder>(order->body);
  EXPECT_EQ(body.target.backup, backup_);
  EXPECT_EQ(body.keys.size(), 1U);
  EXPECT_EQ(body.stores.at(0).name, "local");
  EXPECT_EQ(restore(plan.restore.id).state, "running");
  EXPECT_EQ(refusal(RestoreRunRequest{plan.restore.id, grants(plan)}).code, Code::conflict);
}

TEST_F(Restores, ReadOnlyStoresThatMayHoldSomethingOfTheDatabase) {
  add_store("unused");  // behind "local", and the policy wants one copy
  const auto plan = expect<RestorePlanReply>(request());
  MessageCame came;
  came.peer = admin_.public_key;
  came.message.id = 998;
  came.message.body = OperatorRequest{1, 1, RestoreRunRequest{plan.restore.id, grants(plan)}};
  const auto sends = apply(came);
  const auto* order = find_body<Order>(sends);
  ASSERT_NE(order, nullptr);
  const auto& body = std::get<RestoreOrder>(order->body);
  ASSERT_EQ(body.stores.size(), 1U);
  EXPECT_EQ(body.stores[0].name, "local");
}

TEST_F(Restores, DoNotRunWithoutTheirKeys) {
  const auto plan = expect<RestorePlanReply>(request());
  EXPECT_EQ(refusal(RestoreRunRequest{plan.restore.id, {}}).code, Code::denied);
  auto given = grants(plan);
  given[0].node = NodeId({9});
  EXPECT_EQ(refusal(RestoreRunRequest{plan.restore.id, given}).code, Code::denied);
  EXPECT_EQ(restore(plan.restore.id).state, "planned");
  EXPECT_TRUE(list(Listing::status).jobs.empty());
}

TEST_F(Restores, AreForgottenWhenNobodyRunsThemWithinAnHour) {
  const auto plan = expect<RestorePlanReply>(request());
  pass(std::chrono::minutes(61));
  EXPECT_EQ(refusal(RestoreRunRequest{plan.restore.id, grants(plan)}).code, Code::conflict);
  tick();
  EXPECT_TRUE(list(Listing::restores).restores.empty());
}

TEST_F(Restores, DoNotShareADirectory) {
  const auto first = expect<RestorePlanReply>(request());
  const auto second = expect<RestorePlanReply>(request());
  run(first);
  EXPECT_EQ(refusal(RestoreRunRequest{second.restore.id, grants(second)}).code, Code::conflict);
  EXPECT_EQ(refusal(request()).code, Code::conflict);
}

TEST_F(Restores, FollowTheirJobs) {
  const auto plan = expect<RestorePlanReply>(request());
  const JobId job = run(plan);
  report(job, 1, JobKind::restore, JobState::running);
  EXPECT_EQ(restore(plan.restore.id).targets[0].state, "running");
  report(job, 2, JobKind::restore, JobState::complete, "/srv/orders.aside");
  EXPECT_EQ(restore(plan.restore.id).state, "complete");
  EXPECT_EQ(restore(plan.restore.id).targets[0].reached_lsn, Lsn(800));
  EXPECT_EQ(restore(plan.restore.id).targets[0].aside, "/srv/orders.aside");
}

TEST_F(Restores, AreRolledBackOrFinalizedOnceTheyEnded) {
  const auto plan = expect<RestorePlanReply>(request());
  const std::string id = plan.restore.id.text();
  EXPECT_EQ(refusal(RestoreRequest{RestoreRequest::Verb::rollback, id}).code, Code::conflict);
  const JobId job = run(plan);
  EXPECT_EQ(refusal(RestoreRequest{RestoreRequest::Verb::rollback, id}).code, Code::conflict);
  report(job, 1, JobKind::restore, JobState::complete, "/srv/orders.aside");
  const auto undo = expect<JobsReply>(RestoreRequest{RestoreRequest::Verb::rollback, id});
  report(undo.jobs.at(0), 1, JobKind::rollback, JobState::complete);
  EXPECT_EQ(restore(plan.restore.id).state, "rolled back");
  EXPECT_EQ(refusal(RestoreRequest{RestoreRequest::Verb::finalize, id}).code, Code::conflict);
}

TEST_F(Restores, ByDeltaSayThatThereMayBeNoWayBack) {
  RestorePlanRequest wanted = request();
  wanted.method = RestoreMethod::delta;
  const auto plan = expect<RestorePlanReply>(wanted);
  EXPECT_EQ(plan.restore.targets.at(0).method, RestoreMethod::delta);
  const bool said = std::ranges::any_of(
      plan.notes, [](const std::string& note) { return note.find("there is no way back") != std::string::npos; });
  EXPECT_TRUE(said);
}

TEST_F(Restores, ThatOverwroteAreNotRolledBackAndTheirLeftoversAreFinalized) {
  const auto plan = expect<RestorePlanReply>(request());
  JobReport overwrote;
  overwrote.sequence = 1;
  overwrote.job.id = run(plan);
  overwrote.job.kind = JobKind::restore;
  overwrote.job.state = JobState::failed;
  overwrote.job.error = "the target is not in the log";
  overwrote.job.database = orders_;
  overwrote.target = RestoreTarget{};
  overwrote.target->way_back = WayBack::none;
  overwrote.target->fetched_bytes = 4096;
  overwrote.target->leftovers = "/srv/orders.leftovers";
  say(host_, overwrote);
  const RestoreTarget kept = restore(plan.restore.id).targets.at(0);
  EXPECT_EQ(kept.way_back, WayBack::none);
  EXPECT_EQ(kept.fetched_bytes, 4096U);
  const std::string id = plan.restore.id.text();
  const Refused refused = refusal(RestoreRequest{RestoreRequest::Verb::rollback, id});
  EXPECT_EQ(refused.code, Code::conflict);
  EXPECT_NE(refused.message.find("there is no way back"), std::string::npos) << refused.message;
  const auto done = expect<JobsReply>(RestoreRequest{RestoreRequest::Verb::finalize, id});
  report(done.jobs.at(0), 1, JobKind::finalize, JobState::complete);
  EXPECT_EQ(restore(plan.restore.id).targets.at(0).leftovers, "");
}

TEST_F(Restores, FailWithTheirJob) {
  const auto plan = expect<RestorePlanReply>(request());
  const JobId job = run(plan);
  report(job, 1, JobKind::restore, JobState::failed);
  EXPECT_EQ(restore(plan.restore.id).state, "failed");
  run(expect<RestorePlanReply>(request()));  // the directory is free again
}

TEST_F(Restores, SurviveARestart) {
  const auto plan = expect<RestorePlanReply>(request());
  restart();
  hello(host_);
  const JobId job = run(plan);
  restart();
  report(job, 1, JobKind::restore, JobState::complete);
  EXPECT_EQ(restore(plan.restore.id).state, "complete");
}

TEST_F(Restores, NeedTheirBackupToStay) {
  take_backup(host_, orders_, {Lsn(500), Lsn(600), Timeline(1)});
  Policy policy = default_policy();
  policy.max_backups = 1;
  apply_policy(policy);
  auto asked = request();
  asked.backup = backup_.text();
  const auto plan = expect<RestorePlanReply>(asked);
  expect<RetentionReply>(RetentionRequest{true, {}});
  EXPECT_EQ(list(Listing::backups).backups.size(), 2U);
  EXPECT_EQ(refusal(BackupRequest{BackupRequest::Verb::remove, backup_.text()}).code, Code::conflict);
}

TEST_F(Restores, ShowFromWhenToWhenTheyArePossible) {
  const auto window = list(Listing::windows).windows.at(0);
  EXPECT_EQ(window.database_name, "orders");
  EXPECT_EQ(window.from, taken_at_);
  EXPECT_EQ(window.to, now_);
  const auto view = list(Listing::databases).databases.at(0);
  EXPECT_EQ(view.recoverable_from, taken_at_);
  EXPECT_EQ(view.recoverable_through, now_);
  EXPECT_EQ(view.last_backup->id, backup_);
}

TEST_F(Restores, KnowTheLogAfterARestart) {
  tick();
  restart();
  EXPECT_EQ(list(Listing::windows).windows.at(0).to, now_);
  EXPECT_EQ(read_rows<WalRange>(store_)->size(), 1U);
}

TEST_F(Restores, GiveAVerificationWhatItNeeds) {
  VerifyRequest asked;
  asked.backup = backup_.text().substr(0, 8);
  asked.plan_only = true;
  const auto plan = expect<VerifyPlanReply>(asked);
  EXPECT_EQ(plan.node, host_.node);
  ASSERT_EQ(plan.epochs.size(), 1U);
  asked.plan_only = false;
  asked.node = plan.node;
  asked.keys = {{plan.epochs[0].epoch.id, Bytes{1}}};
  const JobId job = expect<JobsReply>(asked).jobs.at(0);
  report(job, 1, JobKind::verify, JobState::complete);
  EXPECT_EQ(list(Listing::backups).backups.at(0).verified_at, now_);
}

// The key that opens the pages is not always the one that opens the log written meanwhile.
TEST_F(Restores, GiveAVerificationTheKeysOfAChangeWhileTheBackupRan) {
  const EpochId of_pages = host_.epochs[orders_];
  const auto backup = entropy_.id<BackupId>();
  JobReport taken = complete_backup(host_, orders_, entropy_.id<JobId>(), backup, {Lsn(500), Lsn(600), Timeline(1)});
  pass(-std::chrono::seconds(5));  // it began ten seconds ago
  const EpochId of_log = report_epoch(host_, orders_);
  pass(std::chrono::seconds(5));
  say(host_, taken);
  VerifyRequest asked;
  asked.backup = backup.text();
  asked.plan_only = true;
  std::set<EpochId> granted;
  for (const auto& needed : expect<VerifyPlanReply>(asked).epochs) granted.insert(needed.epoch.id);
  EXPECT_TRUE(granted.contains(of_pages));
  EXPECT_TRUE(granted.contains(of_log));
}

class Verifications : public Restores {
 protected:
  VerifyOrder ordered(const VerifyRequest& request) {
    const auto sends = ask_and_see(request);
    const auto* order = find_body<Order>(sends);
    if (order == nullptr) {
      ADD_FAILURE() << "nothing was ordered";
      return {};
    }
    return std::get<VerifyOrder>(order->body);
  }
  std::vector<Send> ask_and_see(const OperatorBody& request) {
    MessageCame came;
    came.peer = admin_.public_key;
    came.message.id = next_request_++;
    came.message.body = OperatorRequest{protocol_min, protocol_max, request};
    return apply(came);
  }
  static VerifyRequest of(BackupId backup) {
    VerifyRequest request;
    request.backup = backup.text();
    return request;
  }

 private:
  std::uint64_t next_request_ = 77'000;
};

TEST_F(Verifications, OfTheNewestBackupLookAtTheLogBehindIt) {
  const auto newer = take_backup(host_, orders_, {Lsn(500), Lsn(600), Timeline(1)});
  ship(host_, orders_, Timeline(1), Lsn(50), Lsn(1000), taken_at_ - std::chrono::hours(1), now_);
  const auto order = ordered(of(newer));
  EXPECT_EQ(order.wal, (std::vector{WalPart{Timeline(1), Lsn(600), Lsn(1000)}}));
  EXPECT_EQ(order.wal_stores, std::vector<std::string>{"local"});
}

TEST_F(Verifications, OfAnOlderBackupLookAtItWhenAsked) {
  take_backup(host_, orders_, {Lsn(500), Lsn(600), Timeline(1)});
  EXPECT_TRUE(ordered(of(backup_)).wal.empty());
  VerifyRequest with_log = of(backup_);
  with_log.with_wal = true;
  EXPECT_FALSE(ordered(with_log).wal.empty());
}

TEST_F(Verifications, KeepWhatWasFoundInTheirJob) {
  const JobId job = expect<JobsReply>(of(backup_)).jobs.at(0);
  JobReport found;
  found.sequence = 1;
  found.job.id = job;
  found.job.kind = JobKind::verify;
  found.job.state = JobState::failed;
  found.job.error = "1 problems";
  found.job.code = Code::corrupt;
  found.job.findings = {{"local", "a/wal/00000001/", "WAL of timeline 1 is missing from 0/10 on, up to 0/20"}};
  say(host_, found);
  restart();
  const auto jobs = list(Listing::jobs).jobs;
  const auto row = std::ranges::find(jobs, job, &Job::id);
  ASSERT_NE(row, jobs.end());
  EXPECT_EQ(row->findings, found.job.findings);
  EXPECT_TRUE(list(Listing::backups).backups.at(0).verified_at.is_never());
}

class Copies : public Verifications {
 protected:
  void SetUp() override {
    Verifications::SetUp();
    add_store("offsite");
    JobReport taken = complete_backup(host_, orders_, entropy_.id<JobId>(), both_, {Lsn(500), Lsn(600), Timeline(1)});
    taken.backup->copies = {{"local", "ok"}, {"offsite", "ok"}};
    say(host_, taken);
    ship(host_, orders_, Timeline(1), Lsn(50), Lsn(900), taken_at_ - std::chrono::hours(1), now_);
  }
  // A verification that found this object damaged in the first store; nothing: it found nothing.
  void verify(const std::optional<std::string>& damaged) {
    JobReport found;
    found.sequence = 1;
    found.job.id = expect<JobsReply>(of(both_)).jobs.at(0);
    found.job.kind = JobKind::verify;
    found.job.state = damaged ? JobState::failed : JobState::complete;
    if (damaged) {
      found.job.error = "1 problems";
      found.job.findings = {{"local", *damaged, "it is not there"}};
    }
    say(host_, found);
  }
  std::vector<std::string> states() {
    std::vector<std::string> out;
    const auto backups = list(Listing::backups).backups;
    const auto row = std::ranges::find(backups, both_, &Backup::id);
    for (const auto& copy : row->copies) out.push_back(copy.state);
    return out;
  }
  std::vector<std::string> stores_of_restore() {
    const auto plan = expect<RestorePlanReply>(request());
    notes_ = plan.notes;
    const auto sends = ask_and_see(RestoreRunRequest{plan.restore.id, grants(plan)});
    const auto* order = find_body<Order>(sends);
    std::vector<std::string> names;
    if (order == nullptr) return names;
    for (const auto& store : std::get<RestoreOrder>(order->body).stores) names.push_back(store.name);
    return names;
  }
  bool is_noted(const std::string& part) const {
    return std::ranges::any_of(notes_, [&part](const auto& note) { return note.find(part) != std::string::npos; });
  }

  BackupId both_ = entropy_.id<BackupId>();
  std::vector<std::string> notes_;
};

TEST_F(Copies, AreMarkedByWhatAVerificationFinds) {
  EXPECT_EQ(states(), (std::vector<std::string>{"ok", "ok"}));
  verify(pack_name(orders_, both_, 0));
  EXPECT_EQ(states(), (std::vector<std::string>{"damaged", "ok"}));
  verify(std::nullopt);
  EXPECT_EQ(states(), (std::vector<std::string>{"ok", "ok"}));
  verify(wal_prefix(orders_, Timeline(1)));
  EXPECT_EQ(states(), (std::vector<std::string>{"ok", "ok"})) << "the log behind it is no part of the copy";
}

TEST_F(Copies, ThatAreWholeAreReadFirst) {
  verify(pack_name(orders_, both_, 0));
  EXPECT_EQ(stores_of_restore(), (std::vector<std::string>{"offsite", "local"}));
  EXPECT_TRUE(is_noted("in store \"local\" is not whole, it is read from store \"offsite\""));
}

TEST_F(Copies, ThatAreWholeNeedNoNote) {
  EXPECT_EQ(stores_of_restore(), (std::vector<std::string>{"local", "offsite"}));
  EXPECT_FALSE(is_noted("whole"));
}

class Removal : public Restores {
 protected:
  BackupId newer_;
  void SetUp() override {
    Restores::SetUp();
    newer_ = take_backup(host_, orders_, {Lsn(0x2000100), Lsn(0x2000200), Timeline(1)});
    ship(host_, orders_, Timeline(1), Lsn(50), Lsn(0x3000000), taken_at_ - std::chrono::hours(1), now_);
  }
  void keep_one() {
    Policy policy = default_policy();
    policy.max_backups = 1;
    apply_policy(policy);
  }
  std::size_t removals() {
    std::size_t count = 0;
    for (const auto& work : work_) count += std::holds_alternative<RemoveObjects>(work) ? 1 : 0;
    return count;
  }
};

TEST_F(Removal, PreviewsWithoutTouchingAnything) {
  keep_one();
  const auto reply = expect<RetentionReply>(RetentionRequest{false, {}});
  ASSERT_EQ(reply.decisions.size(), 2U);
  EXPECT_TRUE(reply.decisions[0].keep);
  EXPECT_FALSE(reply.decisions[1].keep);
  EXPECT_EQ(list(Listing::backups).backups.at(0).state, BackupState::complete);
  EXPECT_TRUE(work_.empty());
}

TEST_F(Removal, RemovesTheRecordFirstAndOnlyWhatWasReleased) {
  keep_one();
  expect<RetentionReply>(RetentionRequest{true, {}});
  ASSERT_EQ(removals(), 1U);
  const auto& work = std::get<RemoveObjects>(work_.at(0));
  EXPECT_EQ(work.backup, backup_);
  EXPECT_NE(work.names.at(0).find("/record"), std::string::npos);
  const auto mark = decode_released(work.released_mark, root_.public_key);
  ASSERT_TRUE(mark) << mark.error().text();
  EXPECT_EQ(mark->backup, backup_);
  const auto rows = list(Listing::backups).backups;
  EXPECT_EQ(rows.at(0).state, BackupState::released);
  EXPECT_EQ(rows.at(1).state, BackupState::complete);
}

TEST_F(Removal, LetsTheLogGoThatNoKeptBackupNeeds) {
  keep_one();
  expect<RetentionReply>(RetentionRequest{true, {}});
  ASSERT_EQ(work_.size(), 2U);
  EXPECT_EQ(std::get<RemoveWal>(work_[1]).log.keep_from, Lsn(0x2000000));
  EXPECT_EQ(read_rows<WalRange>(store_)->at(0).first, Lsn(0x2000000));
  work_.clear();
  expect<RetentionReply>(RetentionRequest{true, {}});
  EXPECT_TRUE(work_.empty());
}

TEST_F(Removal, OfLogIsAskedForAgainAfterACrashUntilItIsConfirmed) {
  keep_one();
  expect<RetentionReply>(RetentionRequest{true, {}});
  const auto asked = [this] {
    std::vector<RemoveWal> found;
    for (const auto& work : work_) {
      if (const auto* removal = std::get_if<RemoveWal>(&work)) found.push_back(*removal);
    }
    work_.clear();
    return found;
  };
  EXPECT_EQ(asked().size(), 1U);
  restart();
  tick();
  auto again = asked();
  ASSERT_EQ(again.size(), 1U) << "the crash came before the work was done";
  EXPECT_EQ(again[0].database, orders_);
  const ReleasedLog released{Timeline(1), Lsn(0x2000000), {}};
  EXPECT_EQ(again[0].log, released);
  EXPECT_EQ(again[0].stores.size(), 1U);

  alerts_.clear();
  apply(WalRemoved{orders_, released, Error{Code::unavailable, "the store is away", ""}});
  EXPECT_EQ(alerts_.size(), 1U);
  tick();
  EXPECT_TRUE(asked().empty());
  pass(std::chrono::minutes(11));
  tick();
  EXPECT_EQ(asked().size(), 1U);
  const auto confirmed = [this] { return read_rows<WalRemovalRow>(store_)->at(0).removed; };
  apply(WalRemoved{orders_, {Timeline(1), Lsn(0x1000000), {}}, std::nullopt});  // of an earlier, smaller one
  EXPECT_FALSE(confirmed());
  apply(WalRemoved{orders_, released, std::nullopt});
  apply(WalRemoved{orders_, released, std::nullopt});
  EXPECT_TRUE(confirmed());
  restart();
  pass(std::chrono::minutes(11));
  tick();
  EXPECT_TRUE(asked().empty());
}

TEST_F(Removal, IsAskedForAgainUntilItIsConfirmed) {
  keep_one();
  expect<RetentionReply>(RetentionRequest{true, {}});
  work_.clear();
  apply(ObjectsRemoved{backup_, Error{Code::unavailable, "the store is away", ""}});
  tick();
  EXPECT_EQ(removals(), 0U);
  restart();
  tick();
  EXPECT_EQ(removals(), 1U);
  apply(ObjectsRemoved{backup_, std::nullopt});
  apply(ObjectsRemoved{backup_, std::nullopt});
  EXPECT_EQ(list(Listing::backups).backups.size(), 1U);
  restart();
  tick();
  EXPECT_EQ(removals(), 1U);
}

TEST_F(Removal, HappensByItselfEveryHour) {
  keep_one();
  live({&host_}, std::chrono::minutes(40));
  EXPECT_EQ(removals(), 0U);
  live({&host_}, std::chrono::minutes(30));
  EXPECT_GE(removals(), 1U);
  apply(ObjectsRemoved{backup_, std::nullopt});
  work_.clear();
  live({&host_}, std::chrono::minutes(70));
  EXPECT_EQ(removals(), 0U);
}

TEST_F(Removal, RefusesAHoldAndTheLastGoodBackup) {
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::keep, backup_.text()});
  EXPECT_EQ(refusal(BackupRequest{BackupRequest::Verb::remove, backup_.text()}).code, Code::conflict);
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::release, backup_.text()});
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::remove, backup_.text()});
  EXPECT_EQ(removals(), 1U);
  EXPECT_EQ(refusal(BackupRequest{BackupRequest::Verb::remove, newer_.text()}).code, Code::conflict);
}

// A full backup in each of two months, incremental ones after the second.
class IncrementalRemoval : public Removal {
 protected:
  std::set<std::string> asked_to_go() const {
    std::set<std::string> names;
    for (const auto& work : work_) {
      if (const auto* removal = std::get_if<RemoveObjects>(&work))
        names.insert(removal->names.begin(), removal->names.end());
    }
    return names;
  }
  BackupId after(const std::vector<std::string>& packs) {
    now_ = now_ + std::chrono::minutes(1);
    next_ += 0x1000;
    return take_incremental(host_, orders_, {Lsn(next_), Lsn(next_ + 0x100), Timeline(1)}, packs);
  }
  void release() { expect<RetentionReply>(RetentionRequest{true, {}}); }
  std::uint64_t next_ = 0x2100000;
};

TEST_F(IncrementalRemoval, KeepsWhatTheNextOneMayBeginFrom) {
  keep_one();
  const BackupId child = after({pack_name(orders_, newer_, 0)});
  const auto reply = expect<RetentionReply>(RetentionRequest{false, {}});
  ASSERT_EQ(reply.decisions.size(), 3U);
  EXPECT_EQ(reply.decisions[0].backup, child);
  EXPECT_TRUE(reply.decisions[0].keep);
  EXPECT_TRUE(reply.decisions[1].keep) << "the newest full one, for a differential";
  EXPECT_NE(reply.decisions[1].reasons.back().find("begin from it"), std::string::npos);
  EXPECT_FALSE(reply.decisions[2].keep);
}

TEST_F(IncrementalRemoval, LeavesPacksThatAKeptOneNeedsAndTakesThemWithIt) {
  const std::string pack = pack_name(orders_, newer_, 0);
  const BackupId child = after({pack});
  now_ = now_ + std::chrono::minutes(1);
  const BackupId full = take_backup(host_, orders_, {Lsn(0x3000100), Lsn(0x3000200), Timeline(1)});
  // The parent goes, what its child reads of it stays.
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::remove, newer_.text()});
  EXPECT_TRUE(asked_to_go().contains(record_name(orders_, newer_)));
  EXPECT_FALSE(asked_to_go().contains(pack));
  apply(ObjectsRemoved{newer_, std::nullopt});
  work_.clear();
  // With the child goes what was only there for it.
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::remove, child.text()});
  EXPECT_TRUE(asked_to_go().contains(pack));
  EXPECT_TRUE(asked_to_go().contains(pack_name(orders_, child, 0)));
  EXPECT_FALSE(asked_to_go().contains(pack_name(orders_, full, 0)));
}

TEST_F(IncrementalRemoval, LeavesPacksWhoseOwnerIsKept) {
  const std::string pack = pack_name(orders_, newer_, 0);
  const BackupId child = after({pack});
  after({pack});
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::remove, child.text()});
  EXPECT_TRUE(asked_to_go().contains(pack_name(orders_, child, 0)));
  EXPECT_FALSE(asked_to_go().contains(pack));
}

// A full backup and another after it, both made from packs of one that was cut off and never had a record.
class ResumedRemoval : public IncrementalRemoval {
 protected:
  void SetUp() override {
    IncrementalRemoval::SetUp();
    JobReport failed = complete_backup(host_, orders_, entropy_.id<JobId>(), cut_off_, {});
    failed.job.state = JobState::failed;
    failed.backup->state = BackupState::failed;
    failed.backup->record.clear();
    failed.backup->copies.clear();
    say(host_, failed);
    now_ = now_ + std::chrono::minutes(1);
    first_ = take_resumed(host_, orders_, {Lsn(0x3000100), Lsn(0x3000200), Timeline(1)}, {pack_});
    now_ = now_ + std::chrono::minutes(1);
    second_ = take_resumed(host_, orders_, {Lsn(0x4000100), Lsn(0x4000200), Timeline(1)}, {pack_});
  }
  const BackupId cut_off_{{0x77}};
  const std::string pack_ = pack_name(orders_, cut_off_, 0);
  BackupId first_;
  BackupId second_;
};

TEST_F(ResumedRemoval, TheirCopiesAreWholeAlthoughTheOtherHasNone) {
  for (const auto& backup : list(Listing::backups).backups) {
    if (backup.id != first_) continue;
    EXPECT_EQ(backup.state, BackupState::complete);
    EXPECT_EQ(backup.copies, (std::vector<BackupCopy>{{"local", "ok"}}));
    return;
  }
  ADD_FAILURE() << "it is not listed";
}

TEST_F(ResumedRemoval, PacksGoWithTheLastOfThemAndNotBefore) {
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::remove, first_.text()});
  EXPECT_TRUE(asked_to_go().contains(record_name(orders_, first_)));
  EXPECT_FALSE(asked_to_go().contains(pack_)) << "the other full backup reads it too";
  apply(ObjectsRemoved{first_, std::nullopt});
  work_.clear();
  now_ = now_ + std::chrono::minutes(1);
  take_backup(host_, orders_, {Lsn(0x5000100), Lsn(0x5000200), Timeline(1)});
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::remove, second_.text()});
  EXPECT_TRUE(asked_to_go().contains(pack_));
}

TEST_F(IncrementalRemoval, RefusesABackupWhoseParentWasLetGoMeanwhile) {
  now_ = now_ + std::chrono::minutes(1);
  take_backup(host_, orders_, {Lsn(0x3000100), Lsn(0x3000200), Timeline(1)});
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::remove, newer_.text()});
  const BackupId child = after({pack_name(orders_, newer_, 0)});
  for (const auto& backup : list(Listing::backups).backups) {
    EXPECT_FALSE(backup.id == child && backup.state == BackupState::complete);
  }
}

}  // namespace
}  // namespace holdfast
