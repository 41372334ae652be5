#include "agent/jobs/backup_job.h"

#include <fmt/format.h>

#include <thread>

#include "agent/incremental/incremental_backup.h"
#include "agent/jobs/pace.h"
#include "agent/jobs/record_put.h"
#include "agent/jobs/standby_backup.h"
#include "agent/jobs/stored_log.h"
#include "agent/postgres/base_backup.h"
#include "agent/sqlite/online_backup.h"

namespace holdfast {
namespace {

constexpr Micros wait_for_stream = std::chrono::seconds(60);
// A store that is full or away keeps the log at the server; the backup can wait for it as long as an operator needs.
constexpr Micros wait_for_log = std::chrono::hours(12);
// What was put shows in every list by then.
constexpr Micros wait_for_lists = std::chrono::minutes(1);
constexpr Micros wait_for_receiver = std::chrono::milliseconds(100);  // until it is looked for again
// A primary that is written to makes a checkpoint every few minutes.
constexpr Micros wait_for_checkpoint = std::chrono::minutes(10);
constexpr Micros between_beginnings = std::chrono::seconds(10);

class BackupRun {
 public:
  BackupRun(const BackupTask& task, const BackupParts& parts, JobReport& report, const JobControl& control)
      : task_(task),
        parts_(parts),
        report_(report),
        control_(control),
        pace_({task.assigned.policy.bandwidth, task.assigned.policy.cpu_percent,
               std::max(1U, std::thread::hardware_concurrency())},
              parts.clock, control.stop) {}

  Result<> run() {
    begin();
    auto done = carry_out();
    if (!done) {
      report_.backup->state = BackupState::failed;
      report_.backup->error = done.error().message;
      report_.backup->finished_at = parts_.clock.now();
    }
    return done;
  }

 private:
  void begin() {
    Backup backup;
    backup.id = task_.backup;
    backup.database = task_.assigned.database;
    backup.node = parts_.identity.node;
    backup.job = report_.job.id;
    backup.started_at = parts_.clock.now();
    backup.note = task_.note;
    backup.reason = task_.assigned.backup_note;
    backup.type = task_.asked;  // until it is known what it became
    if (task_.asked != BackupType::full && task_.assigned.engine == Engine::sqlite) {
      backup.type = BackupType::full;
      backup.reason = "SQLite files are always read whole";
    }
    report_.backup = std::move(backup);
    report_.job.backup = task_.backup;
  }

  Result<> carry_out() {
    database_ = TRY(protected_database(task_.assigned, task_.found, task_.stores, parts_.stores));
    epoch_ = TRY(parts_.epochs.current(*database_, task_.fleet_record));
    BackupWriterOptions options;
    options.zstd_level = task_.assigned.policy.zstd_level;
    options.pack_size = pack_size_for(workers());
    options.pack_stored = [this](const StoredPack& pack) {
      if (incremental_) incremental_->pack_stored(pack);
    };
    options.before_put = [this](std::size_t bytes) { pace_.before_sending(bytes); };
    BackupWriter writer(parts_.identity.fleet, task_.assigned.database, task_.backup, *epoch_, database_->stores,
                        parts_.entropy, options);
    BackupRecord record = common_record();
    if (task_.assigned.engine == Engine::postgres) {
      TRY(copy_postgres(writer, record));
    } else {
      TRY(copy_sqlite(writer, record));
    }
    if (incremental_) TRY(incremental_->check_parent());
    const Bytes stored = TRY_DURING("write the backup's record", put_record(writer, record));
    complete(record, stored, writer.copies());
    if (incremental_) incremental_->remember(record, stored, postgres_);
    return {};
  }

  Result<Bytes> put_record(BackupWriter& writer, BackupRecord& record) const {
    return put_record_patiently(writer, record, parts_.keys.signer, {}, parts_.clock, control_.stop,
                                [this](const Error& error) {
                                  control_.progress({0, 0, "waiting for a store to take its record"});
                                  parts_.log.warning("the record of a backup is not stored yet, which is tried again",
                                                     {{"backup", task_.backup}, {"error", error.text()}});
                                });
  }

  unsigned workers() const {
    if (task_.assigned.engine == Engine::sqlite) return 1;
    const unsigned asked = task_.assigned.policy.workers;
    return asked != 0 ? asked : default_backup_workers();
  }

  BackupRecord common_record() const {
    BackupRecord record;
    record.fleet = parts_.identity.fleet;
    record.database = task_.assigned.database;
    record.node = parts_.identity.node;
    record.backup = task_.backup;
    record.job = report_.job.id;
    record.engine = task_.assigned.engine;
    record.type = BackupType::full;
    record.reason = report_.backup->reason;
    record.database_name = task_.assigned.name;
    record.source_path = task_.found.path;
    record.labels.assign(task_.assigned.labels.begin(), task_.assigned.labels.end());
    record.note = task_.note;
    return record;
  }

  Result<> copy_postgres(BackupWriter& writer, BackupRecord& record) {
    if (!task_.endpoint) {
      return fail(Code::unavailable, fmt::format("the server of \"{}\" does not run", task_.found.path),
                  "start it; a cluster is backed up while it runs");
    }
    BaseBackupRequest request;
    request.endpoint = *task_.endpoint;
    request.data_directory = task_.found.path;
    request.database = task_.assigned.database;
    request.backup = task_.backup;
    request.label = fmt::format("holdfast {}", task_.backup);
    request.page_check = task_.page_check;
    request.workers = workers();
    request.between_frames = [this] { pace_.after_work(); };
    request.progress = [this](ByteCount done, ByteCount total) {
      control_.progress({done.value(), total.value(), "copying"});
    };
    // It outlives this function: the record is put later.
    tracker_ = parts_.incremental.tracker(task_.assigned.database);
    incremental_.emplace(task_.assigned.database, task_.asked,
                         IncrementalBackup::Parts{
                             parts_.incremental.parents(), parts_.incremental.attempts(), parts_.incremental.trust(),
                             *tracker_, parts_.keys.signer.public_key, database_->stores, parts_.clock, control_.stop,
                             parts_.log, task_.assigned.active ? "" : "another node reads the log of this standby"});
    TRY(task_.assigned.active ? copy_primary(request, writer) : copy_standby(request, writer));
    TRY(take_in_cross_check());
    describe(postgres_, record);
    record.type = incremental_->type();
    record.parent = incremental_->parent();
    record.reason = reason_with(incremental_->reason());
    return {};
  }

  std::string reason_with(const std::string& more) const {
    const std::string& note = task_.assigned.backup_note;
    if (note.empty() || more.empty()) return note + more;
    return note + "; " + more;
  }

  Result<> copy_primary(BaseBackupRequest& request, BackupWriter& writer) {
    const auto receiver = parts_.shipping.find(task_.assigned.database);
    if (!receiver) {
      return fail(Code::unavailable, "its WAL is not being shipped yet, and a backup without its WAL is none");
    }
    control_.progress({0, task_.found.size_bytes, "waiting for the WAL stream"});
    TRY(receiver->wait_until_streaming(wait_for_stream, control_.stop));
    const WalSegmentSize segments = receiver->status().segment_size;
    request.wait_for_wal = [this, segments](Timeline timeline, Lsn start, Lsn stop) -> Result<> {
      control_.progress({0, 0, "waiting for its WAL to be durable"});
      TRY(wait_until_durable(timeline, stop));
      return check_wal(timeline, start_of(segment_at(timeline, start, segments), segments), stop);
    };
    tracker_->cut();
    request.plan = [&](const BackupSituation& situation) {
      return incremental_->plan(situation, request.limits, writer);
    };
    postgres_ = TRY(run_base_backup(request, writer, parts_.clock, control_.stop));
    return {};
  }

  Result<> copy_standby(BaseBackupRequest& request, BackupWriter& writer) {
    StandbyBackup standby(
        task_.assigned.database, task_.assigned.log_node,
        {database_->stores, {parts_.identity.fleet, parts_.identity.root}, parts_.clock, control_.stop});
    request.plan = [&](const BackupSituation& situation) -> Result<CopyPlan> {
      TRY(standby.begins(situation));
      return incremental_->plan(situation, request.limits, writer);
    };
    request.wait_for_wal = [this, &standby](Timeline timeline, Lsn start, Lsn stop) -> Result<> {
      control_.progress({0, 0, "waiting for its WAL, which another node ships"});
      return standby.wait_for_log(timeline, start, stop);
    };
    const Micros deadline = parts_.clock.monotonic() + wait_for_checkpoint;
    while (true) {
      auto made = run_base_backup(request, writer, parts_.clock, control_.stop);
      if (made) {
        postgres_ = std::move(*made);
        writer.need_epochs(standby.epochs());
        return {};
      }
      if (!standby.too_early() || parts_.clock.monotonic() >= deadline) return std::unexpected(std::move(made).error());
      control_.progress({0, task_.found.size_bytes, "waiting for a checkpoint of the primary"});
      if (control_.stop.wait_for(between_beginnings)) return fail(Code::cancelled, "a stop was requested");
    }
  }

  Result<> take_in_cross_check() {
    const auto found = TRY(incremental_->end_cross_check());
    if (!found) return {};
    report_.backup->cross_checked_pages = found->judged;
    report_.backup->missed_pages = found->missed;
    return {};
  }

  // Another assignment may put another receiver into the place of the one that ran when the backup began.
  Result<> wait_until_durable(Timeline timeline, Lsn end) {
    const Micros deadline = parts_.clock.monotonic() + wait_for_log;
    while (true) {
      const Micros left = deadline - parts_.clock.monotonic();
      Result<> waited = fail(Code::unavailable, "its WAL is not being shipped any more");
      if (const auto receiver = parts_.shipping.find(task_.assigned.database)) {
        waited = receiver->wait_until_durable(timeline, end, left, control_.stop);
        if (waited || waited.error().code != Code::cancelled) return waited;
      }
      if (left <= Micros(0)) return waited;
      if (control_.stop.wait_for(wait_for_receiver)) return fail(Code::cancelled, "a stop was requested");
    }
  }

  // That the log has come as far as the backup's end does not mean that all of it is there: a slot that the server
  // dropped meanwhile leaves a hole, and shipping goes on behind it.
  Result<> check_wal(Timeline timeline, Lsn from, Lsn to) const {
    const StoredLog log(database_->stores, task_.assigned.database, timeline);
    const Micros patience = is_shipped_since(timeline, from) ? wait_for_lists : Micros(0);
    auto seen = log.wait_for(from, to, {patience, {}}, parts_.clock, control_.stop);
    if (seen || seen.error().code != Code::timed_out) return seen;
    const auto missing = TRY(log.first_missing(from, to));
    if (!missing) return {};
    return fail(Code::corrupt,
                fmt::format("the WAL of this backup has a hole: nothing at {} of timeline {}, and it needs {} to {}",
                            *missing, timeline, from, to),
                "take it again; were its stores replaced while it ran, or was max_slot_wal_keep_size too small for a "
                "slow store?");
  }

  // As far as this node knows there is no hole: then a list that does not show all of it may be behind.
  bool is_shipped_since(Timeline timeline, Lsn from) const {
    const auto receiver = parts_.shipping.find(task_.assigned.database);
    if (!receiver) return false;
    const WalReceiverStatus status = receiver->status();
    return status.timeline == timeline && status.first != Lsn() && status.first <= from;
  }

  Result<> copy_sqlite(BackupWriter& writer, BackupRecord& record) {
    record.started_at = parts_.clock.now();
    Manifest manifest;
    manifest.database = task_.assigned.database;
    manifest.backup = task_.backup;
    SnapshotOptions options;
    options.scratch_directory = parts_.scratch_directory;
    auto worker = writer.worker();
    const SqliteBackup result =
        TRY(sqlite_backup(task_.found.path, parts_.open_files, parts_.clock, options, worker, manifest, control_.stop,
                          [this](std::uint64_t done, std::uint64_t total) {
                            control_.progress({done, total, "copying"});
                          }));
    TRY(writer.put_manifest(manifest));
    record.page_size = result.page_size;
    record.engine_version = result.engine_version;
    record.database_bytes = ByteCount(result.database_bytes);
    record.read_bytes = ByteCount(result.database_bytes);
    record.pages = result.pages;
    record.changed_pages = result.pages;
    // The snapshot's moment, not the end of storing it: what was committed later is not in it.
    record.finished_at = result.taken_at;
    return {};
  }

  void complete(const BackupRecord& record, const Bytes& stored, const std::vector<BackupWriter::Copy>& copies) {
    Backup& backup = *report_.backup;
    backup.state = BackupState::complete;
    backup.type = record.type;
    backup.parent = record.parent;
    backup.reason = record.reason;
    backup.finished_at = record.finished_at;
    backup.start_lsn = record.start_lsn;
    backup.stop_lsn = record.stop_lsn;
    backup.timeline = record.timeline;
    backup.epoch = record.epoch;
    backup.database_bytes = record.database_bytes.value();
    backup.read_bytes = record.read_bytes.value();
    backup.stored_bytes = record.stored_bytes.value();
    backup.pages = record.pages;
    backup.changed_pages = record.changed_pages;
    backup.bad_pages = record.bad_pages;
    for (const auto& copy : copies) {
      backup.copies.push_back({copy.store, copy.missing == 0 ? "ok" : "missing"});
      if (copy.missing == 0) continue;
      parts_.log.warning("a store did not take all of a backup", {{"backup", backup.id},
                                                                  {"store", copy.store},
                                                                  {"objects", copy.missing},
                                                                  {"error", copy.first_error->message}});
    }
    backup.record = stored;
    report_.job.outcome = fmt::format("{} bytes read, {} stored", backup.read_bytes, backup.stored_bytes);
    if (backup.missed_pages > 0) {
      report_.job.outcome += fmt::format("; THE MAP OF CHANGED BLOCKS MISSED {} PAGES", backup.missed_pages);
    }
    if (task_.page_check == PageCheck::skip && task_.assigned.engine == Engine::postgres) {
      report_.job.outcome += ", page checksums were not looked at";
    }
    if (backup.bad_pages > 0) {
      report_.job.outcome += fmt::format("; {} PAGES WITH A WRONG CHECKSUM, the first: {}", backup.bad_pages,
                                         record.bad_page_list.empty() ? "" : record.bad_page_list.front());
    }
  }

  const BackupTask& task_;
  const BackupParts& parts_;
  JobReport& report_;
  const JobControl& control_;
  Pace pace_;
  std::optional<ProtectedDatabase> database_;
  std::shared_ptr<const EpochKey> epoch_;
  std::shared_ptr<ChangeTracker> tracker_;
  std::optional<IncrementalBackup> incremental_;
  BaseBackupResult postgres_;
};

}  // namespace

Result<ProtectedDatabase> protected_database(const Assigned& assigned, const FoundDatabase& found,
                                             const std::vector<StoreInfo>& stores, StoreAccess& access) {
  std::vector<StoreInfo> chosen;
  for (const auto& name : assigned.stores) {
    for (const auto& store : stores) {
      if (store.name == name) chosen.push_back(store);
    }
  }
  std::vector<Recipient> recipients;
  for (const auto& recipient : assigned.recipients) recipients.push_back({recipient.name, recipient.key});
  return ProtectedDatabase{
      assigned.database,
      assigned.name,
      assigned.engine,
      found.system_id,
      std::move(recipients),
      TRY(access.open_all(chosen, std::max(assigned.policy.copies_min, 1U), assigned.policy.lock))};
}

JobWork backup_work(BackupTask task, const BackupParts& parts) {
  return [task = std::move(task), parts](JobReport& report, const JobControl& control) -> Result<> {
    return BackupRun(task, parts, report, control).run();
  };
}

}  // namespace holdfast
