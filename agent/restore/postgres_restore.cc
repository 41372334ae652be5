#include "agent/restore/postgres_restore.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <mutex>
#include <optional>

#include "agent/postgres/connection.h"
#include "agent/postgres/control_file.h"
#include "agent/restore/cluster_files.h"
#include "agent/restore/delta_restore.h"
#include "agent/restore/incomplete_mark.h"
#include "agent/restore/leftovers.h"
#include "agent/restore/owned_files.h"
#include "agent/restore/reachable_program.h"
#include "agent/restore/restore_checks.h"
#include "agent/restore/target_search.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

constexpr Micros poll_interval = std::chrono::milliseconds(200);

enum class RecoveryEnd : std::uint8_t { promoted, before_target };

class Run {
 public:
  Run(RestoreTarget& target, const PostgresRestoreRun& parts) : target_(target), parts_(parts) {}

  Result<> run() {
    const Micros begun = parts_.clock.monotonic();
    say("checking");
    plan_ = TRY(check_restore(target_, parts_));
    if (target_.start != StartAfter::no_start) {
      const std::string program = wal_get_program(parts_.agent_program);
      program_ = TRY(reachable_program(program, parts_.owner, parts_.runtime_directory));
    }
    prepare();
    TRY(journal(restore_step::checked));
    auto done = replace();
    if (!done) {
      if (touched_) undo(done.error());
      return overwriting_ ? still_incomplete(std::move(done).error()) : done;
    }
    target_.seconds = static_cast<double>((parts_.clock.monotonic() - begun).count()) / 1e6;
    target_.state = "complete";
    return {};
  }

 private:
  void prepare() {
    undo_.engine = Engine::postgres;
    undo_.path = target_.directory;
    undo_.restore = parts_.restore;
    undo_.target = plan_.target_exists ? RestoreUndo::Target::existed : RestoreUndo::Target::is_new;
    if (plan_.files == FilesFrom::place) undo_.target = RestoreUndo::Target::overwritten;
    undo_.server = plan_.server ? RestoreUndo::Server::was_running : RestoreUndo::Server::was_down;
    if (!plan_.target_exists) undo_.made.push_back(target_.directory);
    const std::string version = tablespace_version();
    for (const Tablespace& tablespace : plan_.tablespaces) {
      const std::string place = tablespace.location + "/" + version;
      if (!version.empty() && ::access(place.c_str(), F_OK) != 0) undo_.made.push_back(place);
    }
    if (target_.start == StartAfter::no_start) undo_.made.push_back(staged_wal_directory(target_.directory));
    if (parts_.server) {
      server_ = *parts_.server;
    } else {
      PgCtlServer settings;
      settings.programs = plan_.programs;
      settings.data_directory = target_.directory;
      settings.owner = parts_.owner;
      settings.log_file = target_.directory + ".holdfast-log";
      server_ = pg_ctl_server(settings, parts_.clock);
    }
  }

  // "PG_15_202209061", as the backup's own paths have it.
  std::string tablespace_version() const {
    for (const ManifestFile& file : parts_.reader.manifest().files) {
      const auto at = file.path.find("/PG_");
      if (!file.path.starts_with("pg_tblspc/") || at == std::string::npos) continue;
      const std::string rest = file.path.substr(at + 1);
      return rest.substr(0, rest.find('/'));
    }
    return {};
  }

  Result<> replace() {
    if (plan_.server) {
      say("stopping the server");
      TRY(journal(restore_step::stopping));
      touched_ = true;
      TRY(server_.stop());
    }
    if (plan_.files == FilesFrom::place) {
      TRY(take_for_overwriting());
    } else {
      TRY(journal(restore_step::set_aside));
      touched_ = true;
      if (plan_.target_exists) {
        TRY(set_aside(data_directory_entries(target_.directory, parts_.restore)));
        target_.aside = aside_name(target_.directory, parts_.restore);
      }
      TRY(journal(restore_step::writing));
    }
    TRY(write_files());
    if (parts_.wal.end_at) parts_.wal.end_at(plan_.wal_end);
    if (target_.start == StartAfter::no_start) {
      TRY(stage());
    } else {
      TRY(journal(restore_step::starting));
      TRY(recover());
    }
    return journal(restore_step::complete);
  }

  // From here on there is no way back. A directory that an earlier run left marked had none before.
  Result<> take_for_overwriting() {
    const bool marked_before = is_marked_incomplete(target_.directory);
    TRY(journal(marked_before ? restore_step::writing : restore_step::set_aside));
    touched_ = true;
    if (marked_before) give_up_old_content();
    TRY(mark_incomplete(target_.directory, parts_.owner));
    // One that was started in the last moment; none can be from now on.
    if (running_postmaster(target_.directory)) {
      return fail(Code::conflict, fmt::format("a server was started in \"{}\" meanwhile", target_.directory),
                  "stop what starts it, then run the restore again");
    }
    if (!marked_before) TRY(journal(restore_step::writing));
    give_up_old_content();
    return {};
  }
  void give_up_old_content() {
    overwriting_ = true;
    target_.way_back = WayBack::none;
  }

  Result<> write_files() {
    FileRestoreOptions options;
    options.directory = target_.directory;
    options.owner = parts_.owner;
    options.ownership = Ownership::given;
    options.tablespaces = plan_.tablespaces;
    const bool delta = plan_.files != FilesFrom::backup;
    const RestoreProgress progress = [this, delta](auto done, auto total) {
      if (parts_.progress) parts_.progress({done, total, delta ? "comparing" : "copying"});
    };
    if (delta) {
      TRY(write_differences_of(options, progress));
    } else {
      target_.bytes = TRY(restore_files(parts_.reader, options, parts_.stop, progress)).bytes;
    }
    return complete_cluster(target_, plan_, parts_.reader.manifest(), parts_.owner);
  }

  Result<> write_differences_of(const FileRestoreOptions& options, const RestoreProgress& progress) {
    const auto written =
        plan_.files == FilesFrom::place
            ? restore_over(parts_.reader, options, parts_.restore, parts_.stop, progress)
            : restore_from_clones(parts_.reader, options, parts_.restore, parts_.clones, parts_.stop, progress);
    const std::string leftovers = leftovers_name(target_.directory, parts_.restore);
    if (overwriting_ && ::access(leftovers.c_str(), F_OK) == 0) target_.leftovers = leftovers;
    if (!written) return std::unexpected(written.error());
    target_.bytes = content_bytes(parts_.reader.manifest());
    target_.fetched_bytes = written->content.fetched;
    return {};
  }

  // Everything that a start needs is there, and on disk.
  Result<> allow_start() {
    if (plan_.files == FilesFrom::backup) return {};
    return clear_incomplete_mark(target_.directory, parts_.owner);
  }

  RecoverySettings settings(std::string restore_command) const {
    RecoverySettings out;
    out.major_version = plan_.major_version;
    out.target = target_.target;
    out.timeline = plan_.history.timeline();
    out.restore_command = std::move(restore_command);
    out.identity = target_.in_place ? ClusterIdentity::original : ClusterIdentity::copy;
    out.port = parts_.port;
    return out;
  }

  Result<> stage() {
    say("staging the log");
    const std::string directory = staged_wal_directory(target_.directory);
    TRY(remove_tree(directory));
    (void)TRY(stage_wal(directory, plan_, parts_.record, target_.target, parts_.wal, parts_.owner, parts_.stop));
    RecoverySettings unattended = settings(staged_wal_command(directory));
    if (TRY(is_the_end_of(directory))) unattended.target.kind = TargetKind::latest;
    unattended.watch = RecoveryWatch::unattended;
    TRY(write_recovery_settings(target_.directory, unattended, parts_.owner));
    return allow_start();
  }

  // As in recover(), decided beforehand: nobody will be there to take the target away.
  Result<bool> is_the_end_of(const std::string& staged_log) const {
    const TargetKind kind = target_.target.kind;
    if (kind != TargetKind::time && kind != TargetKind::lsn) return false;
    const auto holds = staged_log_holds(staged_log, plan_.segment_size, target_.target, plan_.wal_end);
    // Unread, the target stays: then the server stops there or not at all, but never later.
    if (!holds) parts_.log.error("the staged log could not be searched for the target", holds.error(), {});
    if (!holds || *holds) return false;
    if (kind == TargetKind::time) TRY(check_time_is_told(target_.target.time, plan_));
    return true;
  }

  Result<> recover() {
    WalServiceOptions options;
    // One restore brings back many databases, and several agents of one host may share this directory.
    options.socket = fmt::format("{}/restore-{}-{}.sock", parts_.runtime_directory, parts_.restore.text().substr(0, 16),
                                 target_.database.text().substr(0, 16));
    options.owner = parts_.owner;
    options.segment_size = plan_.segment_size;
    options.directory = target_.directory + "/pg_wal/holdfast-fetched";
    // What comes into the stores from now on was not part of the plan, and a run that is tried again must find the
    // same log.
    options.through = plan_.wal_end;
    wal_service_ = TRY(WalService::start(options, parts_.wal));
    RecoverySettings recovery = settings(wal_get_command(program_, options.socket));
    TRY(write_recovery_settings(target_.directory, recovery, parts_.owner));
    TRY(allow_start());
    say("starting");
    if (TRY(start_and_wait()) == RecoveryEnd::before_target) {
      // The server insists on seeing a commit later than the wanted time before it believes that it is there, and stops
      // with FATAL when the log ends first. When everything up to that time is in the log, its end IS the state at that
      // time: nothing was committed in between. A log that does hold a later commit stops at the target and never comes
      // here. Recovery goes on from where it stopped; only the target is taken away, and the service still ends at the
      // position that was found.
      // So with a position that no record begins at or behind.
      if (target_.target.kind == TargetKind::time) TRY(check_time_is_told(target_.target.time, plan_));
      parts_.log.info("nothing in the log after the target: recovering to its end",
                      {{"directory", target_.directory}, {"end", plan_.wal_end}});
      recovery.target.kind = TargetKind::latest;
      TRY(write_recovery_settings(target_.directory, recovery, parts_.owner));
      if (TRY(start_and_wait()) != RecoveryEnd::promoted) return fail(Code::internal, "recovery met no end");
    }
    TRY(remove_recovery_settings(target_.directory, parts_.owner));
    TRY(look_at_result());
    wal_service_.reset();  // what it leaves in pg_wal goes before anybody says that the restore is complete
    return {};
  }

  Result<RecoveryEnd> start_and_wait() {
    const auto started = server_.start();
    if (started) return wait_for_recovery();
    // A manager that waits for the server may see recovery end, badly or early, within its start.
    if (!running_postmaster(target_.directory) && !fatal_reason(log()).empty()) return explain_end();
    return std::unexpected(started.error());
  }

  // Until the server is promoted or gone. Asks its files, not the server: what its pg_hba.conf lets us do must not
  // decide whether a restore succeeded.
  Result<RecoveryEnd> wait_for_recovery() {
    const std::uint64_t total = plan_.wal_end - parts_.record.start_lsn;
    Micros grace = parts_.clock.monotonic() + Micros(std::chrono::seconds(30));
    for (;;) {
      const auto process = running_postmaster(target_.directory);
      if (process) grace = Micros(0);
      if (process && process->status == "ready" && TRY(in_production())) return RecoveryEnd::promoted;
      // Before it wrote postmaster.pid it may still be coming up.
      if (!process && (grace == Micros(0) || parts_.clock.monotonic() > grace || !fatal_reason(log()).empty())) {
        return explain_end();
      }
      const Lsn reached = wal_service_->served().asked_through;
      const std::uint64_t done = reached > parts_.record.start_lsn ? reached - parts_.record.start_lsn : 0;
      if (parts_.progress) parts_.progress({std::min(done, total), total, "replaying"});
      if (parts_.stop.wait_for(poll_interval)) return fail(Code::cancelled, "the restore was stopped");
    }
  }

  // The last words of a server may still be on their way through its logging collector or the journal.
  std::string last_words() const {
    std::string said = log();
    for (int i = 0; i < 10 && fatal_reason(said).empty(); ++i) {
      if (parts_.stop.wait_for(poll_interval)) break;
      said = log();
    }
    return said;
  }

  Result<RecoveryEnd> explain_end() {
    const std::string said = last_words();
    const TargetKind kind = target_.target.kind;
    const bool end_may_be_it = kind == TargetKind::time || kind == TargetKind::lsn;
    if (ended_before_target(said)) {
      if (const Lsn reached = wal_service_->served().asked_through; reached < plan_.wal_end) {
        return fail(Code::unavailable,
                    fmt::format("recovery ended after {}, though the log goes on to {}", reached, plan_.wal_end));
      }
      if (end_may_be_it && !tried_again_) {
        tried_again_ = true;
        return RecoveryEnd::before_target;
      }
      return fail(Code::not_restorable, fmt::format("the log ends at {} without the target", plan_.wal_end),
                  "choose another target, or the latest");
    }
    const std::string reason = fatal_reason(said);
    if (const auto problem = wal_service_->served().error; problem && reason.find("restore") != std::string::npos) {
      Error error = *problem;
      return std::unexpected(std::move(error).during("recovery"));
    }
    return fail(Code::unavailable,
                fmt::format("the restored server stopped: {}", reason.empty() ? "its log does not say why" : reason));
  }

  Result<bool> in_production() {
    const ActingAs acting = TRY(ActingAs::user(parts_.owner));
    PosixFileSystem files;
    const ControlFile file = TRY(read_control_file(files, parts_.clock, target_.directory));
    return file.control.state == ClusterState::in_production;
  }

  // Where recovery ended: the history of the timeline that the promotion began says it.
  Result<> look_at_result() {
    say("checking the restored server");
    PosixFileSystem files;
    Timeline newest;
    const auto entries = TRY(files.list(target_.directory + "/pg_wal"));
    for (const auto& entry : entries) {
      const auto name = classify_wal_file(entry.name);
      if (name && name->kind == WalFileKind::history) newest = std::max(newest, name->timeline);
    }
    if (newest <= parts_.record.timeline) return fail(Code::internal, "the promoted server has no new timeline");
    const Bytes content = TRY(files.read(fmt::format("{}/pg_wal/{}", target_.directory, history_name(newest))));
    const TimelineHistory history = TRY(TimelineHistory::parse(newest, as_text(content)));
    target_.timeline = newest;
    if (!history.switches().empty()) target_.reached_lsn = history.switches().back().at;
    if (target_.target.kind == TargetKind::lsn && target_.target.inclusive && !tried_again_ &&
        target_.reached_lsn < target_.target.lsn) {
      return fail(Code::internal,
                  fmt::format("recovery ended at {}, before {}", target_.reached_lsn, target_.target.lsn));
    }
    ask_server();
    return {};
  }

  // What only the server knows. It is up and promoted: being refused here is worth a line, not a failed restore.
  void ask_server() {
    const auto process = running_postmaster(target_.directory);
    if (!process) return;
    ::kill(process->pid, SIGHUP);  // its settings are its own again, whether it lets us in or not
    PostgresEndpoint endpoint;
    endpoint.socket_directory = process->socket_directory;
    endpoint.port = process->port;
    endpoint.role = parts_.role;
    endpoint.os_user = parts_.owner;
    const auto ask = [&]() -> Result<std::string> {
      PostgresConnection connection = TRY(PostgresConnection::open(endpoint));
      const QueryRows rows = TRY(connection.query(
          "select coalesce((extract(epoch from pg_last_xact_replay_timestamp()) * 1000000)::bigint, 0)::text as at"));
      return rows.only("at");
    };
    const auto at = ask();
    if (at) {
      target_.reached_time = Timestamp::from_micros(std::strtoll(at->c_str(), nullptr, 10));
    } else {
      parts_.log.warning("the restored server could not be asked",
                         {{"directory", target_.directory}, {"error", at.error().text()}});
    }
  }

  void undo(const Error& cause) {
    const auto stop = [this]() -> Result<> {
      return running_postmaster(target_.directory) ? server_.stop() : Result<>();
    };
    wal_service_.reset();
    if (undo_.target == RestoreUndo::Target::overwritten) {
      parts_.log.error("restore failed", cause, {{"directory", target_.directory}});
      auto left = overwriting_ ? leave_incomplete(undo_, stop) : leave_as_it_was(undo_, server_.start);
      if (left) left = journal(overwriting_ ? restore_step::incomplete : restore_step::undone);
      if (!left) parts_.log.error("the directory is not as it should be", left.error(), {});
      return;
    }
    say("putting the old data back");
    parts_.log.error("restore failed, putting the old data back", cause, {{"directory", target_.directory}});
    auto undone = undo_restore(undo_, stop, server_.start);
    if (undone) undone = journal(restore_step::undone);
    if (undone) {
      target_.aside.clear();
    } else {
      parts_.log.error("the old data could not be put back", undone.error(), {{"aside", target_.aside}});
    }
  }

  Result<> still_incomplete(Error error) const {
    error.message +=
        fmt::format("; \"{}\" is overwritten in part, and marked so that no server starts on it", target_.directory);
    error.hint += fmt::format("{}run the restore again by delta: it goes on from what is there",
                              error.hint.empty() ? "" : "; then ");
    return std::unexpected(std::move(error));
  }

  void say(std::string step) {
    if (parts_.progress) parts_.progress({0, 0, std::move(step)});
  }
  Result<> journal(std::string_view step) { return parts_.journal ? parts_.journal(step, undo_) : Result<>(); }
  std::string log() const { return server_.log ? server_.log() : std::string(); }

  RestoreTarget& target_;
  const PostgresRestoreRun& parts_;
  RestorePlan plan_;
  std::string program_;  // ours, where the server can run it
  RestoreUndo undo_;
  TargetServer server_;
  std::unique_ptr<WalService> wal_service_;
  bool touched_ = false;
  bool overwriting_ = false;  // the old content has begun to go
  bool tried_again_ = false;
};

}  // namespace

std::string staged_wal_directory(const std::string& data_directory) {
  return data_directory + ".holdfast-wal";
}

Result<> restore_postgres(RestoreTarget& target, const PostgresRestoreRun& run) {
  return Run(target, run).run();
}

}  // namespace holdfast
