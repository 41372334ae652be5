#pragma once
// A cluster whose log is shipped, its backups, and restores of them: beside it, as the break-glass command does it, and
// in its place.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iostream>

#include "agent/postgres/base_backup.h"
#include "agent/postgres/connection.h"
#include "agent/postgres/server_control.h"
#include "agent/postgres/wal_receiver.h"
#include "agent/restore/postgres_restore.h"
#include "tests/agent/postgres/endpoint_of.h"
#include "tests/agent/postgres/remembered_positions.h"
#include "tests/agent/restore/repository_in_a_directory.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {

class PostgresRestore : public testing::Test {
 protected:
  void SetUp() override {
    cluster_ = std::make_unique<PostgresCluster>(*PostgresCluster::started());
    ASSERT_THAT(cluster_->sql("CREATE TABLE t(n int); SELECT 1"), Succeeded());
    receive();
    // The server's user runs it, and cannot look into a build directory.
    agent_ = repository_.place.path() + "/agent";
    std::filesystem::copy_file(HOLDFAST_WAL_GET_PROGRAM, agent_);
    ::chmod(agent_.c_str(), 0755);
  }
  void TearDown() override {
    for (const auto& directory : started_) {
      PgCtlServer settings;
      settings.programs = "/usr/lib/postgresql/15/bin";
      settings.data_directory = directory;
      settings.owner = cluster_->owner();
      EXPECT_THAT(pg_ctl_server(settings, repository_.clock).stop(), Succeeded());
    }
  }

  void receive() { receive_from(endpoint_of(*cluster_)); }
  void receive_from(const PostgresEndpoint& endpoint) {
    WalReceiver::Settings settings;
    settings.endpoint = endpoint;
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
    if (!restored && std::filesystem::exists(target() + ".holdfast-log")) {
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

inline const char* const all_rows = "SELECT string_agg(n::text, ',' ORDER BY n) FROM t";

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
    target_of.method = method_;
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
                           .server = pg_ctl_server(server, repository_.clock),
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
    if (clones_) run.clones = *clones_;
    const auto done = restore_postgres(target_of, run);
    last_ = target_of;
    TRY(done);
    return target_of;
  }

  RestoreId restore_ = RestoreId(std::array<std::uint8_t, 16>{7});
  std::vector<std::string> steps_;
  RestoreUndo undo_;
  RestoreMethod method_ = RestoreMethod::full;
  std::optional<FileClones> clones_;  // nullopt: the kernel's
  RestoreTarget last_;                // of the last run, also when it failed
};

}  // namespace holdfast
