#pragma once
// One SQLite database out of a backup: beside, or in place of a file that is kept aside.
#include "agent/restore/file_restore.h"
#include "agent/restore/restore_journal.h"
#include "shared/fleet/fleet.h"
#include "shared/os/clock.h"

namespace holdfast {

struct SqliteRestoreRun {
  const BackupReader& reader;
  RestoreId restore;
  const Clock& clock;
  StopToken stop;
  RestoreProgress progress;  // may be empty
  RestoreJournal journal;    // may be empty
};

// `target.directory` is the file's path, or a directory that gets a file of the backup's name. The new file is written
// beside, read back and compared with the backup's hashes, checked by SQLite, and only then takes its place. In place,
// the old one with its -wal, -shm and -journal is set aside; elsewhere nothing may be there (Code::conflict). A process
// that has the old file open is a conflict too: it would go on writing to what was set aside.
//
// Fills in bytes, seconds, aside and state ("complete"). On failure everything is as it was.
Result<> restore_sqlite(RestoreTarget& target, const SqliteRestoreRun& run);

// After a crash: what this restore had written beside `path` until then. Nothing else of the restore may run.
Result<> remove_unfinished_files(const std::string& path, RestoreId restore);

}  // namespace holdfast
