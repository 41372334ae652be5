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

// Of one store.
Result<std::optional<Backup>> found_in(const StoreSet& only, const TrustAnchor& anchor, const Job& job) {
  const auto objects = TRY(only.stores().front().store->list(database_prefix(job.database) + "backups/"));
  for (const ObjectInfo& object : objects) {
    const auto backup = backup_of_object(object.name);
    if (!backup || object.name != record_name(job.database, *backup)) continue;
    const auto record = load_record(only, anchor, job.database, *backup);
    if (!record || record->job != job.id) continue;
    return std::optional(row_of(*record, TRY(only.get(object.name))));
  }
  return std::optional<Backup>();
}

}  // namespace

Result<std::optional<Backup>> finished_backup(const StoreSet& stores, const TrustAnchor& anchor, const Job& job) {
  std::optional<Backup> out;
  std::optional<Error> problem;
  for (const NamedStore& store : stores.stores()) {
    auto found = found_in(StoreSet({store}, 1), anchor, job);
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
