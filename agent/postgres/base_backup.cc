#include "agent/postgres/base_backup.h"

#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <optional>
#include <thread>

#include "agent/postgres/control_file.h"
#include "shared/base/mutex.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

constexpr std::string_view control_path = "global/pg_control";
constexpr auto look_interval = std::chrono::milliseconds(500);
constexpr int looks_between_questions = 20;  // how often the server is asked whether the backup is still valid

// The calling thread's reads wait for everybody else's, where the disk's scheduler knows priorities.
void yield_the_disk() {
  constexpr int this_thread = 1;  // IOPRIO_WHO_PROCESS
  constexpr int idle_class = 3 << 13;
  (void)::syscall(SYS_ioprio_set, this_thread, 0, idle_class);
}

// Readers on threads of their own; the first error ends them all.
class Readers {
 public:
  Readers(FileCopier& copier, const std::vector<CopyUnit>& units, std::vector<BackupWriter::Worker>& workers)
      : copier_(copier), units_(units), left_(workers.size()) {
    threads_.reserve(workers.size());
    for (auto& worker : workers) {
      threads_.emplace_back([this, &worker] { run(worker); });
    }
  }
  ~Readers() { give_up(Error{Code::cancelled, "a stop was requested", {}}); }
  Readers(const Readers&) = delete;
  Readers& operator=(const Readers&) = delete;

  // True: all have ended.
  bool wait_for(std::chrono::milliseconds duration) {
    std::unique_lock lock(mutex_);
    return ended_.wait_for(lock, duration, [this] { return left_ == 0; });
  }
  void give_up(Error error) {
    const std::lock_guard lock(mutex_);
    if (!problem_) problem_ = std::move(error);
  }
  Result<> outcome() {
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    if (problem_) return std::unexpected(*problem_);
    return {};
  }

 private:
  const CopyUnit* next() {
    const std::lock_guard lock(mutex_);
    if (problem_ || next_ == units_.size()) return nullptr;
    return &units_[next_++];
  }
  void run(BackupWriter::Worker& worker) {
    yield_the_disk();
    while (const CopyUnit* unit = next()) {
      if (auto copied = copier_.copy(*unit, worker); !copied) give_up(std::move(copied).error());
    }
    const std::lock_guard lock(mutex_);
    --left_;
    ended_.notify_all();
  }

  FileCopier& copier_;
  const std::vector<CopyUnit>& units_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable ended_;
  std::size_t next_ = 0;
  std::size_t left_;
  std::optional<Error> problem_;
  std::vector<std::jthread> threads_;
};

class BaseBackup {
 public:
  BaseBackup(const BaseBackupRequest& request, BackupWriter& writer, Clock& clock, const StopToken& stop)
      : request_(request), writer_(writer), clock_(clock), stop_(stop) {}

  Result<BaseBackupResult> run() {
    BackupSession::Settings settings;
    settings.label = request_.label;
    settings.stop = stop_;
    result_.started_at = clock_.now();
    BackupSession session = TRY(BackupSession::start(request_.endpoint, settings));
    if (request_.started) request_.started();
    result_.start = session.start_lsn();
    result_.role = session.role();
    result_.server_version = session.server_version();
    TRY(look_around());
    TRY(copy_files(session));
    const BackupStop stopped = TRY(session.stop());
    if (session.role() == ServerRole::standby) TRY(check_one_timeline(stopped.label.timeline));
    result_.stop = stopped.stop;
    result_.timeline = stopped.label.timeline;
    result_.finished_at = stopped.stopped_at;
    TRY(put_manifest(stopped));
    if (request_.wait_for_wal) {
      TRY_DURING(fmt::format("wait for the log up to {}", result_.stop),
                 request_.wait_for_wal(result_.timeline, result_.start, result_.stop));
    }
    return std::move(result_);
  }

 private:
  Result<ControlFile> read_control() {
    const ActingAs user = TRY(ActingAs::user(request_.endpoint.os_user));
    PosixFileSystem files;
    return read_control_file(files, clock_, request_.data_directory);
  }

  // A standby follows its primary's successor onto another timeline without a word to the backup's session.
  Result<> check_one_timeline(Timeline began_on) {
    const Timeline now = TRY(read_control()).control.min_recovery_timeline;
    if (now == began_on) return {};
    return fail(Code::conflict,
                fmt::format("the standby followed its primary from timeline {} to {} during the backup", began_on, now),
                "it is tried again, and begins on the new one after the primary's next checkpoint");
  }

  Result<> look_around() {
    const auto control = TRY(read_control()).control;
    result_.control = control;
    result_.system_id = control.system_id;
    result_.wal_segment_size = control.wal_segment_size;
    result_.page_checksums = request_.page_check == PageCheck::verify ? control.page_checksums : PageChecksums::off;
    if (control.block_size != page_size || control.relation_segment_blocks != relation_segment_pages) {
      return fail(Code::unsupported,
                  fmt::format("the server was built with pages of {} bytes and {} pages a file", control.block_size,
                              control.relation_segment_blocks),
                  "only the default sizes are supported");
    }
    const std::string version = tablespace_version_directory(control.major_version, control.catalog_version);
    listing_ = TRY(walk_data_directory(request_.data_directory, request_.endpoint.os_user, version, stop_));
    return {};
  }

  Result<> copy_files(BackupSession& session) {
    CopyPlan plan;
    if (request_.plan) {
      plan = TRY(request_.plan(
          {listing_.entries, result_.control, result_.start, result_.control.checkpoint_timeline, result_.role}));
    } else {
      plan.units = plan_copy(listing_.entries, control_path, request_.limits);
    }
    FileCopier copier({request_.data_directory, request_.endpoint.os_user, &listing_.entries, &plan.taken_over,
                       result_.page_checksums, result_.start, stop_, request_.between_frames, plan.witness,
                       plan.stored});
    std::vector<BackupWriter::Worker> workers;
    const unsigned count = request_.workers != 0 ? request_.workers : default_backup_workers();
    for (unsigned i = 0; i < count; ++i) workers.push_back(writer_.worker());
    {
      Readers readers(copier, plan.units, workers);
      watch(readers, copier, session);
      TRY(readers.outcome());
    }
    // Last: recovery of what we copied begins at a checkpoint that is not older than any page.
    const auto entry = std::ranges::find(listing_.entries, control_path, &DataFile::path);
    if (entry == listing_.entries.end()) return fail(Code::corrupt, "there is no global/pg_control");
    const ControlFile control = TRY(read_control());
    TRY(copier.add_content(static_cast<std::size_t>(entry - listing_.entries.begin()), control.content, workers[0]));
    for (auto& worker : workers) TRY(worker.finish());
    copied_ = copier.finish();
    return {};
  }

  // Until the readers have ended: progress, and whether it is still worth going on.
  void watch(Readers& readers, const FileCopier& copier, BackupSession& session) {
    for (int look = 1; !readers.wait_for(look_interval); ++look) {
      if (request_.progress) request_.progress(ByteCount(copier.bytes_done()), ByteCount(listing_.file_bytes));
      if (stop_.stop_requested()) readers.give_up(Error{Code::cancelled, "a stop was requested", {}});
      if (look % looks_between_questions != 0) continue;
      if (auto running = session.still_running(); !running) readers.give_up(std::move(running).error());
    }
    if (request_.progress) request_.progress(ByteCount(copier.bytes_done()), ByteCount(listing_.file_bytes));
  }

  Result<> put_manifest(const BackupStop& stopped) {
    Manifest manifest;
    manifest.database = request_.database;
    manifest.backup = request_.backup;
    manifest.page_size = page_size;
    manifest.backup_label = stopped.label_file;
    manifest.tablespace_map = stopped.tablespace_map;
    for (const auto& tablespace : listing_.tablespaces) {
      manifest.tablespaces.push_back({tablespace.oid, tablespace.location});
    }
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < listing_.entries.size(); ++i) {
      CopiedFile& copied = copied_.files[i];
      if (copied.vanished) {
        ++result_.vanished_files;
        continue;
      }
      if (copied.hash) result_.small_files.emplace(listing_.entries[i].path, *copied.hash);
      if (listing_.entries[i].relation) result_.pages += copied.size / page_size;
      bytes += copied.size;
      manifest.files.push_back(describe_entry(listing_.entries[i], copied));
    }
    result_.files = manifest.files.size();
    result_.database_bytes = ByteCount(bytes);
    result_.read_bytes = ByteCount(copied_.bytes_read);
    result_.findings = std::move(copied_.findings);
    TRY(writer_.put_manifest(manifest));
    result_.manifest = std::move(manifest);
    return {};
  }

  static ManifestFile describe_entry(const DataFile& entry, CopiedFile& copied) {
    ManifestFile file;
    file.path = entry.path;
    switch (entry.kind) {
      case FileKind::directory:
        file.kind = EntryKind::directory;
        break;
      case FileKind::link:
        file.kind = EntryKind::link;
        break;
      case FileKind::file:
      case FileKind::other:
        file.kind = EntryKind::file;
        break;
    }
    file.mode = entry.mode;
    file.owner = entry.owner;
    file.group = entry.group;
    file.modified = entry.modified;
    file.link_target = entry.link_target;
    file.size = copied.size;
    file.extents = std::move(copied.extents);
    return file;
  }

  const BaseBackupRequest& request_;
  BackupWriter& writer_;
  Clock& clock_;
  const StopToken& stop_;
  BaseBackupResult result_;
  DataDirectoryListing listing_;
  FileCopier::Outcome copied_;
};

}  // namespace

unsigned default_backup_workers() {
  return std::max(2U, std::thread::hardware_concurrency() / 2);
}

Result<BaseBackupResult> run_base_backup(const BaseBackupRequest& request, BackupWriter& writer, Clock& clock,
                                         const StopToken& stop) {
  return BaseBackup(request, writer, clock, stop).run();
}

void describe(const BaseBackupResult& result, BackupRecord& record) {
  record.engine = Engine::postgres;
  record.engine_version = result.server_version;
  record.system_id = result.system_id;
  record.page_size = page_size;
  record.wal_segment_size = result.wal_segment_size.bytes();
  record.start_lsn = result.start;
  record.stop_lsn = result.stop;
  record.timeline = result.timeline;
  record.started_at = result.started_at;
  record.finished_at = result.finished_at;
  record.database_bytes = result.database_bytes;
  record.read_bytes = result.read_bytes;
  record.pages = result.pages;
  record.changed_pages = result.findings.pages;
  record.pages_checked = result.page_checksums == PageChecksums::on;
  record.bad_pages = result.findings.bad;
  record.bad_page_list = result.findings.bad_list;
}

}  // namespace holdfast
