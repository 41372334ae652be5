#pragma once
// The files of a backup into a new directory.
#include <functional>
#include <string>
#include <vector>

#include "shared/os/process.h"
#include "shared/os/stop.h"
#include "shared/repository/backup_reader.h"

namespace holdfast {

// as_recorded: the names in the manifest, where this host knows them; everything else belongs to `owner`. given: all of
// it belongs to `owner`, as a PostgreSQL server needs it.
enum class Ownership : std::uint8_t { as_recorded, given };

struct FileRestoreOptions {
  std::string directory;  // must not be there or be empty; its parents are made
  OsUser owner;           // whom files are written as, when we are root
  Ownership ownership = Ownership::given;
  // Where each tablespace of the manifest goes, by oid: below it PG_<major>_<catalog> is made, which must not be there.
  std::vector<Tablespace> tablespaces;
  unsigned workers = 0;  // 0: half the cores, at least 2
};

// From worker threads, never two at once.
using RestoreProgress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

struct FileRestoreResult {
  std::uint64_t bytes = 0;  // content written; pages of zeros are left as holes
  std::uint64_t files = 0;
};

// Content that a restore will write, for space checks and progress.
std::uint64_t content_bytes(const Manifest& manifest);

// Code::conflict: the directory has something in it; exhausted: not enough room, found out before the first byte.
// Everything is on disk when it returns. A failed or stopped run leaves what it wrote: the caller removes it.
Result<FileRestoreResult> restore_files(const BackupReader& reader, const FileRestoreOptions& options,
                                        const StopToken& stop, const RestoreProgress& progress);

}  // namespace holdfast
