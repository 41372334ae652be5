#include "agent/jobs/finished_backup.h"

#include <fmt/format.h>

#include "shared/repository/layout.h"

namespace holdfast {
namespace {

// The coordinator reads the numbers out of the record itself.
Backup row_of(const BackupRecord& record, Bytes stored) {
  Backup row;
  row.id = record.backup;
  row.database = record.database;
  row.node = record.node;
  row.job = record.job;
  row.type = record.type;
  row.parent = record.parent;
  row.state = BackupState::complete;
  row.started_at = record.started_at;
  row.finished_at = record.finished_at;
  row.start_lsn = record.start_lsn;
  row.note = record.note;
  row.reason = record.reason;
  row.record = std::move(stored);
  return row;
}

// This backup, when it has a record of ours that names the job.
Result<std::optional<Backup>> named_in(Store& store, const SignPublicKey& own, const Job& job, BackupId backup) {
  auto stored = store.get(record_name(job.database, backup));
  if (!stored && stored.error().code == Code::unavailable) return std::unexpected(std::move(stored).error());
  if (!stored) return std::optional<Backup>();
  const auto record = decode_record(*stored, own);
  const bool of_job = record && record->job == job.id && record->database == job.database && record->backup == backup;
  return of_job ? std::optional(row_of(*record, *std::move(stored))) : std::optional<Backup>();
}

// By its name where that is known: a list may not show yet what was put a moment before the crash.
Result<std::optional<Backup>> found_in(Store& store, const SignPublicKey& own, const Job& job) {
  if (!job.backup.is_null()) return named_in(store, own, job, job.backup);
  const auto objects = TRY(store.list(database_prefix(job.database) + "backups/"));
  for (const ObjectInfo& object : objects) {
    const auto backup = backup_of_object(object.name);
    if (!backup || object.name != record_name(job.database, *backup)) continue;
    if (auto found = TRY(named_in(store, own, job, *backup))) return found;
  }
  return std::optional<Backup>();
}

}  // namespace

Result<std::optional<Backup>> finished_backup(const StoreSet& stores, const SignPublicKey& own, const Job& job) {
  std::optional<Backup> out;
  std::optional<Error> problem;
  for (const NamedStore& store : stores.stores()) {
    auto found = found_in(*store.store, own, job);
    if (!found) {
      problem = std::move(found).error().during(fmt::format("store \"{}\"", store.name));
      continue;
    }
    if (!*found) continue;
    if (!out) out = std::move(**found);
    out->copies.push_back({store.name, "ok"});
  }
  if (!out && problem) return std::unexpected(std::move(*problem));
  return out;
}

}  // namespace holdfast
