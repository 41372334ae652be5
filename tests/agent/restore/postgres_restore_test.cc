#include "agent/restore/postgres_restore.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent/restore/owned_files.h"
#include "tests/agent/restore/restored_cluster.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

TEST_F(PostgresRestore, ReplaysEverythingThereIs) {
  insert(1);
  const BackupRecord record = back_up();
  insert(2);
  ship_everything();
  const auto restored = restore(wanted());
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(ask(all_rows), "1,2");
  EXPECT_EQ(ask("SELECT pg_is_in_recovery()"), "f");
  EXPECT_EQ(ask("SHOW archive_mode"), "off");
  EXPECT_EQ(restored->timeline, Timeline(2));
  EXPECT_GE(restored->reached_lsn, record.stop_lsn);
  EXPECT_GT(restored->reached_time, record.started_at);
  // Nothing of the recovery stays in the configuration.
  std::ifstream file(target() + "/postgresql.auto.conf");
  const std::string settings{std::istreambuf_iterator<char>(file), {}};
  EXPECT_THAT(settings, testing::Not(testing::HasSubstr("restore_command")));
  EXPECT_FALSE(fs::exists(target() + "/recovery.signal"));
}

class FullRestoreInPlace : public InPlaceRestore {};

// An agent that was started again writes with a key that no plan from before can have asked for.
TEST_F(FullRestoreInPlace, WithoutTheKeyOfTheNewestLogTouchesNothing) {
  insert(1);
  const BackupRecord record = back_up();
  NewEpoch next = repository_.fleet.new_epoch();
  ASSERT_THAT(repository_.stores.put(epoch_name(record.database, next.key.id), next.object), Succeeded());
  epoch_ = std::make_shared<EpochKey>(std::move(next.key));
  insert(2);
  ship_everything();
  const auto refused = restore_in_place(record, {});
  EXPECT_THAT(refused, FailedWith(Code::denied, "there is no key"));
  EXPECT_NE(refused.error().hint.find("run the restore again"), std::string::npos) << refused.error().text();
  EXPECT_TRUE(steps_.empty()) << "not even the server was stopped";
  EXPECT_EQ(*cluster_->sql(all_rows), "1,2");
  EXPECT_FALSE(fs::exists(aside_name(cluster_->data_directory(), restore_)));
  EXPECT_THAT(restore_in_place(record, to(TargetKind::immediate)), FailedWith(Code::denied, "there is no key"))
      << "the log is read ahead of the server";
}

TEST_F(PostgresRestore, IsServedByAProgramThatTheServersUserCannotReach) {
  insert(1);
  back_up();
  const std::string home = repository_.place.path() + "/home";
  fs::create_directory(home);
  fs::permissions(home, fs::perms::owner_all);
  BreakGlassRestore what = wanted();
  what.agent_program = home + "/agent";
  fs::rename(agent_, what.agent_program);
  ASSERT_THAT(restore(what), Succeeded());
  EXPECT_EQ(ask(all_rows), "1");
}

TEST_F(PostgresRestore, StopsAtATime) {
  back_up();
  insert(1);
  RecoveryTarget target = to(TargetKind::time);
  target.time = server_time();
  insert(2);
  ship_everything();
  const auto restored = restore(wanted(target));
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(ask(all_rows), "1");
  EXPECT_LE(restored->reached_time, target.time);
}

TEST_F(PostgresRestore, ReachesATimeAfterTheLastCommit) {
  back_up();
  insert(1);
  ship_everything();
  RecoveryTarget target = to(TargetKind::time);
  target.time = server_time();  // nothing is committed after it: the server calls that a failure
  write_log_without_a_commit();
  const auto restored = restore(wanted(target));
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(ask(all_rows), "1");
}

// A restore that was rolled back leaves a timeline behind that is higher than the one the server goes on with.
TEST_F(PostgresRestore, FollowsTheTimelineThatWasWrittenAtItsTimeAndLast) {
  back_up();
  insert(1);
  ship_everything();
  ASSERT_THAT(restore(wanted()), Succeeded());
  receiver_.reset();
  positions_.set(std::nullopt);
  PostgresEndpoint copy = endpoint_of(*cluster_);
  copy.port = running_postmaster(target())->port;
  copy.socket_directory = running_postmaster(target())->socket_directory;
  receive_from(copy);
  EXPECT_EQ(ask("INSERT INTO t VALUES(100) RETURNING n"), "100");
  RecoveryTarget undone = to(TargetKind::time);
  undone.time = server_time();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(ask("INSERT INTO t VALUES(101) RETURNING n"), "101");
    EXPECT_NE(ask("SELECT pg_switch_wal()"), "");
    const Lsn end = *parse_lsn(ask("SELECT pg_current_wal_flush_lsn()"));
    ASSERT_THAT(receiver_->wait_until_durable(Timeline(2), end, std::chrono::seconds(30), StopToken()), Succeeded());
  }
  receiver_.reset();
  TearDown();
  started_.clear();
  fs::remove_all(target());
  positions_.set(std::nullopt);
  receive();
  insert(2);
  ship_everything();

  const auto latest = restore(wanted());
  ASSERT_THAT(latest, Succeeded());
  EXPECT_EQ(ask(all_rows), "1,2") << "and not what was undone";
  TearDown();
  started_.clear();
  fs::remove_all(target());
  ASSERT_THAT(restore(wanted(undone)), Succeeded());
  EXPECT_EQ(ask(all_rows), "1,100");
}

// The end of recovery is only in the file of the server's own collector.
TEST_F(PostgresRestore, FindsWhatAServerSaysThatCollectsItsOwnLog) {
  ASSERT_THAT(cluster_->append_config("logging_collector = on\nlog_directory = 'its log'\nlog_destination = 'csvlog'"),
              Succeeded());
  back_up();
  insert(1);
  ship_everything();
  RecoveryTarget nowhere = to(TargetKind::name);
  nowhere.text = "never made";
  EXPECT_THAT(restore(wanted(nowhere)), FailedWith(Code::not_restorable, "without the target"));
  RecoveryTarget target = to(TargetKind::time);
  target.time = server_time();
  write_log_without_a_commit();
  ASSERT_THAT(restore(wanted(target)), Succeeded());
  EXPECT_EQ(ask(all_rows), "1");
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (ask("SHOW log_destination") != "csvlog" && std::chrono::steady_clock::now() < deadline) {
    repository_.clock.sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(ask("SHOW log_destination"), "csvlog") << "it is as it was configured again";
}

TEST_F(PostgresRestore, RefusesATimeThatTheStoredLogCannotAnswerFor) {
  back_up();
  insert(1);
  ship_everything();
  receiver_.reset();
  insert(2);  // acknowledged by the server, and never seen by a store
  RecoveryTarget target = to(TargetKind::time);
  target.time = server_time();
  const auto refused = restore(wanted(target));
  EXPECT_THAT(refused, FailedWith(Code::not_restorable, "the last moment the stored log tells of"));
  EXPECT_THAT(refused.error().hint, testing::HasSubstr("restore to 20"));
  EXPECT_FALSE(fs::exists(this->target()));
}

TEST_F(PostgresRestore, RefusesATimeThatALateReceiverHasNotReached) {
  back_up();
  receiver_.reset();
  insert(1);
  ASSERT_THAT(cluster_->sql("SELECT pg_switch_wal()"), Succeeded());
  insert(2);
  RecoveryTarget target = to(TargetKind::time);
  target.time = server_time();
  // Only the front of what the server has comes into the store, long after the server's clock has passed the time.
  receive();
  ship_everything();
  const auto objects = repository_.store->list(wal_prefix(repository_.fleet.database, Timeline(1))).value();
  const auto last = std::ranges::max_element(objects, {}, &ObjectInfo::name);
  ASSERT_THAT(repository_.store->remove(last->name), Succeeded());
  EXPECT_THAT(restore(wanted(target)), FailedWith(Code::not_restorable, "the last moment"));
}

TEST_F(PostgresRestore, DoesNotTakeTheEdgeOfAGapForTheLatestPoint) {
  back_up();
  insert(1);
  write_log_without_a_commit();
  insert(2);
  write_log_without_a_commit();
  const auto objects = repository_.store->list(wal_prefix(repository_.fleet.database, Timeline(1))).value();
  std::vector<std::string> names;
  for (const auto& object : objects) names.push_back(object.name);
  std::ranges::sort(names);
  const auto lost = parse_wal_name(names.at(names.size() - 2));
  ASSERT_THAT(repository_.store->remove(names.at(names.size() - 2)), Succeeded());
  const auto refused = restore(wanted());
  EXPECT_THAT(refused, FailedWith(Code::not_restorable, fmt::format("nothing at {}", lost->first)));
  EXPECT_FALSE(fs::exists(target()));
  RecoveryTarget edge = to(TargetKind::lsn);
  edge.lsn = lost->first;
  ASSERT_THAT(restore(wanted(edge)), Succeeded()) << "as the hint says";
  EXPECT_THAT(ask(all_rows), testing::StartsWith("1"));
}

TEST_F(PostgresRestore, StopsAtAPositionANameOrATransaction) {
  back_up();
  insert(1);
  RecoveryTarget at_lsn = to(TargetKind::lsn);
  at_lsn.lsn = *parse_lsn(*cluster_->sql("SELECT pg_current_wal_insert_lsn()"));
  RecoveryTarget at_name = to(TargetKind::name);
  at_name.text = "it's here";
  ASSERT_THAT(cluster_->sql("SELECT pg_create_restore_point('it''s here')"), Succeeded());
  RecoveryTarget before_xid = to(TargetKind::xid);
  before_xid.text = *cluster_->sql("INSERT INTO t VALUES(2) RETURNING xmin");
  before_xid.inclusive = false;
  insert(3);
  ship_everything();
  for (const auto& target_of : {at_lsn, at_name, before_xid}) {
    ASSERT_THAT(restore(wanted(target_of)), Succeeded());
    EXPECT_EQ(ask(all_rows), "1") << target_of.text;
    TearDown();
    started_.clear();
    fs::remove_all(target());
  }
}

TEST_F(PostgresRestore, RefusesWhatCannotBeReachedBeforeItTouchesAnything) {
  const BackupRecord record = back_up();
  ship_everything();
  RecoveryTarget early = to(TargetKind::time);
  early.time = record.started_at - Micros(std::chrono::hours(1));
  EXPECT_THAT(restore(wanted(early)), FailedWith(Code::not_restorable, "first point"));
  RecoveryTarget late = to(TargetKind::lsn);
  late.lsn = Lsn(1ULL << 50U);
  EXPECT_THAT(restore(wanted(late)), FailedWith(Code::not_restorable, "the log ends at"));
  EXPECT_FALSE(fs::exists(target()));
  fs::create_directory(target());
  std::ofstream(target() + "/precious") << "x";
  EXPECT_THAT(restore(wanted()), FailedWith(Code::conflict, "precious"));
}

TEST_F(PostgresRestore, RemovesWhatItMadeWhenTheTargetIsNotInTheLog) {
  back_up();
  ship_everything();
  RecoveryTarget target_of = to(TargetKind::name);
  target_of.text = "never made";
  EXPECT_THAT(restore(wanted(target_of)), FailedWith(Code::not_restorable, "without the target"));
  EXPECT_FALSE(fs::exists(target()));
}

TEST_F(PostgresRestore, LeavesAClusterThatRecoversWithoutAnAgent) {
  back_up();
  insert(1);
  ship_everything();
  BreakGlassRestore what = wanted();
  what.start = StartAfter::no_start;
  ASSERT_THAT(restore(what), Succeeded());
  EXPECT_FALSE(running_postmaster(target()));
  fs::remove_all(repository_.store_path());  // nothing but what lies in the directories
  PgCtlServer settings;
  settings.programs = "/usr/lib/postgresql/15/bin";
  settings.data_directory = target();
  settings.owner = cluster_->owner();
  settings.log_file = target() + ".log";
  ASSERT_THAT(pg_ctl_server(settings, repository_.clock).start(), Succeeded());
  started_.push_back(target());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (ask("SELECT pg_is_in_recovery()") != "f" && std::chrono::steady_clock::now() < deadline) {
    repository_.clock.sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(ask(all_rows), "1");
}

TEST_F(PostgresRestore, LeavesAClusterThatRecoversAloneToATimeAfterTheLastCommitOrToTheEnd) {
  back_up();
  insert(1);
  RecoveryTarget between = to(TargetKind::time);
  between.time = server_time();
  insert(2);
  ship_everything();
  RecoveryTarget after = to(TargetKind::time);
  after.time = server_time();
  write_log_without_a_commit();
  RecoveryTarget end = to(TargetKind::lsn);
  const auto objects = repository_.store->list(wal_prefix(repository_.fleet.database, Timeline(1))).value();
  for (const auto& object : objects) end.lsn = std::max(end.lsn, parse_wal_name(object.name)->last);
  receiver_.reset();
  for (const auto& [where, rows] : {std::pair(between, "1"), std::pair(after, "1,2"), std::pair(end, "1,2")}) {
    BreakGlassRestore what = wanted(where);
    what.start = StartAfter::no_start;
    ASSERT_THAT(restore(what), Succeeded());
    PgCtlServer settings;
    settings.programs = "/usr/lib/postgresql/15/bin";
    settings.data_directory = target();
    settings.owner = cluster_->owner();
    settings.log_file = target() + ".log";
    ASSERT_THAT(pg_ctl_server(settings, repository_.clock).start(), Succeeded());
    started_.push_back(target());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (ask("SELECT pg_is_in_recovery()") != "f" && std::chrono::steady_clock::now() < deadline) {
      repository_.clock.sleep_for(std::chrono::milliseconds(50));
    }
    EXPECT_EQ(ask(all_rows), rows);
    TearDown();
    started_.clear();
    fs::remove_all(target());
  }
}

TEST_F(PostgresRestore, MovesTablespacesOfACopyBesideIt) {
  const std::string place = cluster_->root() + "/fast";
  ASSERT_THAT(make_owned_directory(place, cluster_->owner(), 0700), Succeeded());
  ASSERT_THAT(cluster_->sql(fmt::format("CREATE TABLESPACE fast LOCATION '{}'", place)), Succeeded());
  ASSERT_THAT(cluster_->sql("CREATE TABLE f(n int) TABLESPACE fast; INSERT INTO f VALUES(7); SELECT 1"), Succeeded());
  back_up();
  ship_everything();
  ASSERT_THAT(restore(wanted()), Succeeded());
  EXPECT_EQ(ask("SELECT n FROM f"), "7");
  EXPECT_THAT(ask("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname='fast'"),
              testing::StartsWith(target() + ".tablespaces/"));
}

TEST_F(InPlaceRestore, SetsTheOldDirectoryAsideAndCanRollBack) {
  insert(1);
  const BackupRecord record = back_up();
  insert(2);
  ship_everything();
  insert(3);  // not shipped: lost by this restore, and there again after the rollback
  const auto restored = restore_in_place(record, to(TargetKind::immediate));
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  EXPECT_TRUE(fs::exists(restored->aside));
  EXPECT_THAT(steps_, testing::ElementsAre("checked", "stopping the server", "setting aside", "writing files",
                                           "starting", "complete"));
  PgCtlServer settings;
  settings.programs = "/usr/lib/postgresql/15/bin";
  settings.data_directory = cluster_->data_directory();
  settings.owner = cluster_->owner();
  settings.log_file = cluster_->root() + "/rollback.log";
  const TargetServer server = pg_ctl_server(settings, repository_.clock);
  ASSERT_THAT(undo_restore(undo_, server.stop, server.start), Succeeded());
  ASSERT_THAT(cluster_->wait_for(all_rows, "1,2,3"), Succeeded());
  EXPECT_FALSE(fs::exists(restored->aside));
}

TEST_F(InPlaceRestore, PutsTheOldClusterBackWhenRecoveryFails) {
  insert(1);
  const BackupRecord record = back_up();
  ship_everything();
  insert(2);
  RecoveryTarget target_of = to(TargetKind::name);
  target_of.text = "never made";
  EXPECT_THAT(restore_in_place(record, target_of), FailedWith(Code::not_restorable));
  ASSERT_THAT(cluster_->wait_for(all_rows, "1,2"), Succeeded());
  EXPECT_EQ(steps_.back(), "put back");
}

// The file is appended to by every start.
TEST_F(InPlaceRestore, DoesNotTakeTheWordsOfAnEarlierStartForThoseOfThisOne) {
  insert(1);
  const BackupRecord record = back_up();
  ship_everything();
  RecoveryTarget target_of = to(TargetKind::time);
  target_of.time = server_time();
  write_log_without_a_commit();
  std::ofstream(cluster_->root() + "/restore.log")
      << "FATAL:  recovery ended before configured recovery target was reached\n";
  // The first start fails for a reason of its own.
  fs::rename(agent_, agent_ + ".away");
  std::ofstream(agent_) << "#!/bin/sh\nexit 200\n";
  ::chmod(agent_.c_str(), 0755);
  EXPECT_THAT(restore_in_place(record, target_of), FailedWith(Code::unavailable, "could not restore file"));
  ASSERT_THAT(cluster_->wait_for(all_rows, "1"), Succeeded());
}

TEST_F(InPlaceRestore, IsPutBackAfterACrashOfTheAgent) {
  insert(1);
  back_up();
  ASSERT_THAT(cluster_->stop(), Succeeded());
  RestoreUndo undo;
  undo.path = cluster_->data_directory();
  undo.restore = restore_;
  undo.server = RestoreUndo::Server::was_running;
  ASSERT_THAT(set_aside(entries_of(undo)), Succeeded());
  fs::create_directory(cluster_->data_directory());
  std::ofstream(cluster_->data_directory() + "/half") << "written";
  const auto start = [this] { return cluster_->start(); };
  EXPECT_EQ(*recover_interrupted(restore_step::writing, undo, {}, start), Interrupted::put_back);
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  EXPECT_EQ(*recover_interrupted(restore_step::complete, undo, {}, start), Interrupted::untouched);
  EXPECT_EQ(*recover_interrupted(restore_step::checked, undo, {}, start), Interrupted::untouched);
}

TEST_F(InPlaceRestore, StopsTheServerRatherThanPromoteWhenTheLogCannotBeRead) {
  insert(1);
  const BackupRecord record = back_up();
  insert(2);
  ASSERT_THAT(cluster_->sql("SELECT pg_switch_wal()"), Succeeded());
  insert(3);
  ship_everything();
  // The last object of the log loses a byte: an outage or damage must never look like the end of the log.
  const auto objects = *repository_.store->list(wal_prefix(repository_.fleet.database, Timeline(1)));
  const std::string damaged = repository_.store_path() + "/" + objects.back().name;
  ::chmod(damaged.c_str(), 0600);
  fs::resize_file(damaged, fs::file_size(damaged) - 1);
  const auto restored = restore_in_place(record, {});
  ASSERT_FALSE(restored);
  EXPECT_NE(restored.error().code, Code::not_restorable);
  ASSERT_THAT(cluster_->wait_for(all_rows, "1,2,3"), Succeeded());
}

}  // namespace
}  // namespace holdfast
