#pragma once
// A snapshot of one SQLite database into the frames and the manifest of a backup.
#include "agent/sqlite/snapshot.h"
#include "shared/repository/backup_writer.h"

namespace holdfast {

struct SqliteBackup {
  std::uint32_t page_size = 0;
  std::uint32_t pages = 0;
  std::uint32_t zero_pages = 0;  // not stored: a restore leaves them as holes
  std::uint64_t database_bytes = 0;
  SqliteJournal journal = SqliteJournal::rollback;
  std::uint32_t change_counter = 0;
  std::string engine_version;  // of the library that wrote the database last
  Timestamp taken_at;          // everything committed before is in it
  Micros held{0};              // how long the database was read-locked
};

// Adds the frames through `worker` (and finishes it) and the one file to `manifest`, whose page size becomes the
// database's. The rest of manifest and record is the caller's.
Result<SqliteBackup> sqlite_backup(const std::string& path, OpenSqliteFiles& open_files, const Clock& clock,
                                   const SnapshotOptions& options, BackupWriter::Worker& worker, Manifest& manifest,
                                   const StopToken& stop, const SnapshotProgress& progress);

}  // namespace holdfast
