#include "agent/restore/postgres_restore.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/postgres/base_backup.h"
#include "agent/postgres/server_control.h"
#include "agent/postgres/wal_receiver.h"
#include "agent/restore/owned_files.h"
#include "shared/base/mutex.h"
#include "tests/agent/postgres/endpoint_of.h"
#include "tests/agent/restore/repository_in_a_directory.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class RememberedPositions final : public WalPositions {
 public:
  Result<std::optional<WalResumePoint>> load() override {
    return value_.with([](auto& value) { return Result<std::optional<WalResumePoint>>(value); });
  }
  Result<> save(const WalResumePoint& position) override {
    value_.with([&position](auto& value) { value = position; });
    return {};
  }

 private:
  Guarded<std::optional<WalResumePoint>> value_;
};

// A cluster whose log is shipped, its backups, and restores of them.
class PostgresRestore : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<PostgresCluster>(*PostgresCluster::started());
    ASSERT_THAT(cluster_->sql("CREATE TABLE t(n int); SELECT 1"), Succeeded());
    receive();
    // The server's user runs it, and cannot look into a build directory.
    agent_ = repository_.place.path() + "/agent";
    fs::copy_file(HOLDFAST_WAL_GET_PROGRAM, agent_);
    ::chmod(agent_.c_str(), 0755);
  }
  void TearDown() override {
    for (const auto& directory : started_) {
      PgCtlServer settings;
      settings.programs = "/usr/lib/postgresql/15/bin";
      settings.data_directory = directory;
      settings.owner = cluster_->owner();
      EXPECT_THAT(pg_ctl_server(settings).stop(), Succeeded());
    }
  }

  void receive() {
    WalReceiver::Settings settings;
    settings.endpoint = endpoint_of(*cluster_);
    settings.fleet = repository_.fleet.fleet;
    settings.database = repository_.fleet.database;
    settings.node = repository_.fleet.node;
    settings.slot = "hf";
    settings.rpo = std::chrono::milliseconds(50);
    epoch_ =
        std::make_shared<EpochKey>(EpochKey{repository_.fleet.epoch.key.id, repository_.fleet.epoch.key.key.clone()});
    receiver_ = std::make_unique<WalReceiver>(
        settings, WalReceiver::Parts{*parts_stores_, repository_.fleet.signer,
                                     [this] { return Result<std::shared_ptr<const EpochKey>>(epoch_); }, positions_,
                                     repository_.clock, repository_.entropy, Logger::none()});
    ASSERT_THAT(receiver_->wait_until_streaming(std::chrono::seconds(30), StopToken()), Succeeded());
  }
  void ship_everything() {
    const Lsn end = *parse_lsn(*cluster_->sql("SELECT pg_current_wal_flush_lsn()"));
    ASSERT_THAT(receiver_->wait_until_durable(Timeline(1), end, std::chrono::seconds(30), StopToken()), Succeeded());
  }
  // Two stretches: what comes with one proves something about the time of the one before.
  void write_log_without_a_commit() {
    for (int i = 0; i < 2; ++i) {
      ASSERT_THAT(cluster_->sql("SELECT pg_logical_emit_message(false, 'test', 'nothing'), pg_switch_wal()"),
                  Succeeded());
      ship_everything();
    }
  }
  void insert(int n) { ASSERT_THAT(cluster_->sql(fmt::format("INSERT INTO t VALUES({})", n)), Succeeded()); }
  Timestamp server_time() {
    return Timestamp::from_micros(
        std::stoll(*cluster_->sql("SELECT (extract(epoch from clock_timestamp()) * 1000000)::bigint")));
  }

  BackupRecord back_up() {
    BaseBackupRequest request;
    request.endpoint = endpoint_of(*cluster_);
    request.data_directory = cluster_->data_directory();
    request.database = repository_.fleet.database;
    request.backup = repository_.entropy.id<BackupId>();
    request.wait_for_wal = [this](Timeline timeline, Lsn, Lsn stop) {
      return receiver_->wait_until_durable(timeline, stop, std::chrono::seconds(30), StopToken());
    };
    BackupWriter writer(repository_.fleet.fleet, repository_.fleet.database, request.backup,
                        repository_.fleet.epoch.key, repository_.stores, repository_.entropy, {});
    const auto done = run_base_backup(request, writer, repository_.clock, StopToken());
    EXPECT_THAT(done, Succeeded());
    BackupRecord record = repository_.new_record();
    describe(*done, record);
    EXPECT_THAT(writer.finish(record, repository_.fleet.signer), Succeeded());
    return record;
  }

  std::string target() const { return repository_.place.path() + "/restored"; }
  BreakGlassRestore wanted(RecoveryTarget to = {}) {
    BreakGlassRestore out;
    out.target_directory = target();
    out.target = std::move(to);
    out.port = *free_port();
    out.owner = cluster_->owner();
    out.agent_program = agent_;
    return out;
  }
  Result<RestoreTarget> restore(const BreakGlassRestore& what) {
    auto restored = repository_.restore(what);
    if (restored && what.start == StartAfter::start) started_.push_back(what.target_directory);
    if (!restored && fs::exists(target() + ".holdfast-log")) {
      std::ifstream log(target() + ".holdfast-log");
      std::cerr << log.rdbuf();
    }
    return restored;
  }
  // What the restored server answers.
  std::string ask(const std::string& sql) {
    const auto process = running_postmaster(target());
    if (!process) return "not running";
    PostgresEndpoint endpoint = endpoint_of(*cluster_);
    endpoint.port = process->port;
    endpoint.socket_directory = process->socket_directory;
    auto connection = PostgresConnection::open(endpoint);
    if (!connection) return connection.error().text();
    const auto rows = connection->query(sql);
    if (!rows) return rows.error().text();
    return rows->rows.at(0).at(0).value_or("null");
  }
  static RecoveryTarget to(TargetKind kind) {
    RecoveryTarget out;
    out.kind = kind;
    return out;
  }

  RepositoryInADirectory repository_{Engine::postgres};
  const StoreSet* parts_stores_ = &repository_.stores;
  std::unique_ptr<PostgresCluster> cluster_;
  RememberedPositions positions_;
  std::shared_ptr<const EpochKey> epoch_;
  std::unique_ptr<WalReceiver> receiver_;
  std::string agent_;
  std::vector<std::string> started_;
};

const char* const all_rows = "SELECT string_agg(n::text, ',' ORDER BY n) FROM t";

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
  ASSERT_THAT(pg_ctl_server(settings).start(), Succeeded());
  started_.push_back(target());
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (ask("SELECT pg_is_in_recovery()") != "f" && std::chrono::steady_clock::now() < deadline) {
    repository_.clock.sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_EQ(ask(all_rows), "1");
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

// In place: the original itself, through the whole function with a server of its own.
class InPlaceRestore : public PostgresRestore {
 protected:
  Result<RestoreTarget> restore_in_place(const BackupRecord& record, RecoveryTarget to_where) {
    receiver_.reset();
    const BackupReader reader = TRY(BackupReader::open(repository_.stores, record, repository_.fleet.ring));
    WalReader wal(repository_.stores, repository_.fleet.anchor(), record.database, repository_.fleet.ring);
    RestoreTarget target_of;
    target_of.directory = cluster_->data_directory();
    target_of.in_place = true;
    target_of.target = std::move(to_where);
    PgCtlServer server;
    server.programs = "/usr/lib/postgresql/15/bin";
    server.data_directory = target_of.directory;
    server.owner = cluster_->owner();
    server.log_file = cluster_->root() + "/restore.log";
    PostgresRestoreRun run{.reader = reader,
                           .record = record,
                           .restore = restore_,
                           .wal = wal_source(wal),
                           .stretches = [&wal](Timeline timeline) { return wal.stretches(timeline); },
                           .times = [&wal](Timeline timeline, Lsn end) { return wal.times(timeline, end); },
                           .owner = cluster_->owner(),
                           .server = pg_ctl_server(server),
                           .agent_program = agent_,
                           .runtime_directory = repository_.place.path(),
                           .role = "",
                           .port = std::nullopt,
                           .clock = repository_.clock,
                           .stop = StopToken(),
                           .progress = {},
                           .journal = [this](std::string_view step, const RestoreUndo& undo) -> Result<> {
                             steps_.emplace_back(step);
                             undo_ = undo;
                             return {};
                           },
                           .log = Logger::none()};
    TRY(restore_postgres(target_of, run));
    return target_of;
  }

  const RestoreId restore_ = RestoreId(std::array<std::uint8_t, 16>{7});
  std::vector<std::string> steps_;
  RestoreUndo undo_;
};

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
  const TargetServer server = pg_ctl_server(settings);
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
  EXPECT_EQ(*recover_interrupted(restore_step::writing, undo, {}, start), true);
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  EXPECT_EQ(*recover_interrupted(restore_step::complete, undo, {}, start), false);
  EXPECT_EQ(*recover_interrupted(restore_step::checked, undo, {}, start), false);
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
