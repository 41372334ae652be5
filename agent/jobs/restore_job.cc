#include "agent/jobs/restore_job.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/jobs/verify_job.h"
#include "agent/postgres/control_file.h"
#include "agent/postgres/server_control.h"
#include "agent/postgres/server_programs.h"
#include "agent/restore/leftovers.h"
#include "agent/restore/owned_files.h"
#include "agent/restore/postgres_restore.h"
#include "agent/restore/sqlite_restore.h"
#include "shared/os/posix_file_system.h"
#include "shared/repository/wal_reader.h"
#include "shared/store/read_balance.h"

namespace holdfast {
namespace {

constexpr Micros default_server_timeout = std::chrono::minutes(5);

// The WAL socket must be reachable for the database's user, and our state directory is closed to it.
Result<std::string> runtime_directory(const std::string& state_directory) {
  if (::geteuid() != 0) return state_directory;
  PosixFileSystem files;
  std::string directory = "/run/holdfast";
  TRY(files.make_directories(directory, 0755));
  ::chmod(directory.c_str(), 0755);  // whatever the umask
  return directory;
}

// Who owns the cluster: as it is on disk, or, when it is gone, as it was when it was backed up.
Result<OsUser> owner_of(const std::string& directory, const Manifest& manifest) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) == 0 && info.st_uid != 0) return user_by_uid(info.st_uid);
  if (::geteuid() != 0) return user_by_uid(::geteuid());
  for (const auto& file : manifest.files) {
    if (!file.owner.empty() && file.owner != "root") {
      return TRY_DURING("the backup's owner is needed on this host", user_by_name(file.owner));
    }
  }
  return fail(Code::conflict, "nobody but root owns the backup's files, and PostgreSQL refuses root");
}

TargetServer target_server(const std::shared_ptr<ServerControl>& control, Micros timeout) {
  TargetServer server;
  server.stop = [control, timeout] { return control->stop(timeout); };
  server.start = [control, timeout] { return control->start({}, timeout); };
  server.log = [control] { return control->said(); };
  return server;
}

std::shared_ptr<ServerControl> server_control(const std::string& directory, const OsUser& owner, int major_version,
                                              const RestoreParts& parts) {
  ServerControl::Settings settings;
  settings.data_directory = directory;
  settings.owner = owner;
  settings.major_version = major_version;
  settings.commands = commands_for(parts.commands, directory);
  return std::make_shared<ServerControl>(std::move(settings), parts.clock);
}

RestoreJournal journal_of(AgentState& state, JobId job) {
  return [&state, job](std::string_view step, const RestoreUndo& undo) {
    return state.save_restore_step({job, std::string(step), encode_undo(undo)});
  };
}

// Nobody streams from a cluster whose directory is being exchanged. One that is restored elsewhere is protected all the
// while, however long that takes.
class ShippingPause {
 public:
  ShippingPause(const RestoreParts& parts, const RestoreTarget& target)
      : parts_(parts),
        database_(target.database),
        exchanged_(target.in_place || parts.shipping.ships_from(target.database, target.directory)) {
    if (exchanged_) parts_.shipping.suspend(database_);
  }
  ~ShippingPause() {
    if (exchanged_) parts_.shipping.resume(database_);
    parts_.look_again();
  }
  ShippingPause(const ShippingPause&) = delete;
  ShippingPause& operator=(const ShippingPause&) = delete;

 private:
  const RestoreParts& parts_;
  const DatabaseId database_;
  const bool exchanged_;
};

class RestoreRun {
 public:
  RestoreRun(const RestoreOrder& order, const RestoreParts& parts, JobReport& report, const JobControl& control)
      : order_(order), parts_(parts), report_(report), control_(control) {}

  Result<> run() {
    report_.target = order_.target;
    RestoreTarget& target = *report_.target;
    target.job = report_.job.id;
    target.state = "running";
    auto done = carry_out(target);
    if (done) {
      target.state = "complete";
      report_.job.outcome = fmt::format("{} bytes in {:.1f} s", target.bytes, target.seconds);
      if (target.method == RestoreMethod::delta) {
        report_.job.outcome += fmt::format(", {} of them fetched", target.fetched_bytes);
      }
      report_.job.outcome += served_by();
    } else {
      target.state = "failed";
      target.error = done.error().message;
      target.hint = done.error().hint;
      target.code = done.error().code;
    }
    return done;
  }

 private:
  Result<> carry_out(RestoreTarget& target) {
    stores_.emplace(TRY(parts_.stores.open_all(order_.stores, 1)));
    const StoreSet& stores = *stores_;
    KeyRing keys = TRY(open_grants(order_.keys, parts_.keys.recipient));
    parts_.epochs.add_open_key(target.database, keys);
    const TrustAnchor anchor{parts_.identity.fleet, parts_.identity.root};
    const BackupRecord record = TRY(load_record(stores, anchor, target.database, target.backup));
    const BackupReader reader = TRY(BackupReader::open(stores, record, keys));
    const ShippingPause pause(parts_, target);
    if (target.engine == Engine::sqlite) return restore_file(target, reader);
    WalReader wal(stores, anchor, target.database, keys);
    return restore_cluster(target, reader, record, wal);
  }

  // Which copies it came from. A single store needs no words.
  std::string served_by() const {
    std::string text;
    for (const ReadShare& share : stores_->read_shares()) {
      if (share.reads == 0 && share.failures == 0) continue;
      text += fmt::format("{} store \"{}\" ({} reads, {} bytes{})", text.empty() ? ", read from" : ",", share.store,
                          share.reads, share.bytes,
                          share.failures == 0 ? std::string() : fmt::format(", {} failed", share.failures));
    }
    return text;
  }

  Result<> restore_file(RestoreTarget& target, const BackupReader& reader) {
    const RestoreProgress progress = [this](std::uint64_t done, std::uint64_t total) {
      control_.progress({done, total, "restoring"});
    };
    return restore_sqlite(target, {reader, order_.restore, parts_.clock, control_.stop, progress,
                                   journal_of(parts_.state, report_.job.id)});
  }

  Result<> restore_cluster(RestoreTarget& target, const BackupReader& reader, const BackupRecord& record,
                           WalReader& wal) {
    const OsUser owner = TRY(owner_of(target.directory, reader.manifest()));
    const auto control = server_control(target.directory, owner, major_of(record.engine_version), parts_);
    PostgresRestoreRun run{reader,
                           record,
                           order_.restore,
                           wal_source(wal),
                           [&wal](Timeline timeline) { return wal.stretches(timeline); },
                           [&wal](Timeline timeline, Lsn end) { return wal.times(timeline, end); },
                           owner,
                           target_server(control, parts_.server_timeout),
                           parts_.program,
                           TRY(runtime_directory(parts_.state_directory)),
                           parts_.role,
                           std::nullopt,
                           parts_.clock,
                           control_.stop,
                           control_.progress,
                           journal_of(parts_.state, report_.job.id),
                           parts_.log,
                           kernel_file_clones()};
    return restore_postgres(target, run);
  }

  const RestoreOrder& order_;
  const RestoreParts& parts_;
  JobReport& report_;
  const JobControl& control_;
  std::optional<StoreSet> stores_;
};

RestoreUndo undo_of(RestoreId restore, const RestoreTarget& target) {
  RestoreUndo undo;
  undo.engine = target.engine;
  undo.path = target.directory;
  undo.restore = restore;
  return undo;
}

Result<> with_server(const std::string& directory, const CommandsByDirectory& commands, Clock& clock,
                     const std::function<Result<>(ServerControl&)>& use) {
  struct stat info {};
  if (::stat(directory.c_str(), &info) != 0) return {};
  PosixFileSystem files;
  const ControlFile control = TRY(read_control_file(files, clock, directory));
  ServerControl::Settings settings;
  settings.data_directory = directory;
  settings.owner = TRY(user_by_uid(info.st_uid));
  settings.major_version = control.control.major_version;
  settings.commands = commands_for(commands, directory);
  ServerControl server(std::move(settings), clock);
  return use(server);
}

Result<> stop_server_of(const std::string& directory, const CommandsByDirectory& commands, Clock& clock) {
  // A restore that was cut off leaves a control file that is not there or not whole; no server runs on such a one.
  if (!running_postmaster(directory)) return {};
  return with_server(directory, commands, clock,
                     [](ServerControl& server) { return server.stop(default_server_timeout); });
}
Result<> start_server_of(const std::string& directory, const CommandsByDirectory& commands, Clock& clock) {
  return with_server(directory, commands, clock,
                     [](ServerControl& server) { return server.start({}, default_server_timeout); });
}

}  // namespace

JobWork restore_work(RestoreOrder order, const RestoreParts& parts) {
  return [order = std::move(order), parts](JobReport& report, const JobControl& control) -> Result<> {
    report.job.restore = order.restore;
    return RestoreRun(order, parts, report, control).run();
  };
}

JobWork rollback_work(RollbackOrder order, const RestoreParts& parts) {
  return [order = std::move(order), parts](JobReport& report, const JobControl&) -> Result<> {
    report.job.restore = order.restore;
    report.target = order.target;
    RestoreUndo undo = undo_of(order.restore, order.target);
    if (order.target.way_back == WayBack::none) {
      return fail(Code::conflict, fmt::format("\"{}\" was overwritten: there is no way back", order.target.directory),
                  "restore it again, to the point that is wanted");
    }
    if (!has_aside(entries_of(undo))) {
      return fail(Code::not_found,
                  fmt::format("nothing was set aside for \"{}\" by this restore", order.target.directory),
                  "a restore into an empty place has nothing to go back to; one that was finalized neither");
    }
    const ShippingPause pause(parts, order.target);
    if (order.target.engine == Engine::postgres) {
      undo.server = RestoreUndo::Server::was_running;
    }
    TRY(undo_restore(
        undo, [&] { return stop_server_of(undo.path, parts.commands, parts.clock); },
        [&] { return start_server_of(undo.path, parts.commands, parts.clock); }));
    report.target->state = "rolled back";
    report.job.outcome = fmt::format("\"{}\" is as it was before the restore", order.target.directory);
    return {};
  };
}

JobWork finalize_work(FinalizeOrder order, const RestoreParts& parts) {
  return [order = std::move(order), parts](JobReport& report, const JobControl&) -> Result<> {
    report.job.restore = order.restore;
    report.target = order.target;
    TRY(discard_aside(entries_of(undo_of(order.restore, order.target))));
    for (const auto& path : leftovers_of(order.target.directory, order.restore)) TRY(remove_tree(path));
    report.target->state = "finalized";
    report.target->aside.clear();
    report.target->leftovers.clear();
    report.job.outcome = "what was set aside is removed";
    return {};
  };
}

Result<std::optional<RestoreTarget>> finished_restore(const std::vector<RestoreStep>& steps, RestoreTarget target) {
  if (steps.empty() || steps.back().step != restore_step::complete) return std::optional<RestoreTarget>{};
  const RestoreUndo undo = TRY(decode_undo(steps.back().details));
  // That some of it stays makes the restore no other than it is.
  if (undo.engine == Engine::sqlite) (void)remove_unfinished_files(undo.path, undo.restore).has_value();
  target.state = "complete";
  if (undo.target == RestoreUndo::Target::existed) target.aside = aside_name(undo.path, undo.restore);
  return std::optional(std::move(target));
}

Result<Interrupted> undo_interrupted_restore(const std::vector<RestoreStep>& steps, const CommandsByDirectory& commands,
                                             Clock& clock) {
  if (steps.empty()) return Interrupted::untouched;
  const RestoreUndo undo = TRY(decode_undo(steps.back().details));
  const Interrupted undone = TRY(recover_interrupted(
      steps.back().step, undo, [&] { return stop_server_of(undo.path, commands, clock); },
      [&] { return start_server_of(undo.path, commands, clock); }));
  if (undo.engine == Engine::sqlite) (void)remove_unfinished_files(undo.path, undo.restore).has_value();
  return undone;
}

}  // namespace holdfast
