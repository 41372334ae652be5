#pragma once
// One state of a SQLite database, page by page as it was, in a private file.
//
// How, and why so: our own reader begins a transaction and keeps it until the last page was copied, so all of it is one
// snapshot. In WAL mode nobody waits for it. In rollback mode writers wait to commit while a reader is there, so it has
// to be short: the copy goes to a local file as fast as the machine can, and compressing, encrypting and storing come
// after the database was let go. (Debian's SQLite has no sqlite_dbpage; sqlite3_serialize needs the whole database in
// memory; VACUUM INTO moves pages.) sqlite3_backup copies pages verbatim, but for the counters on the first page, which
// PageCapture saw as they were.
//
// It never writes to the database, never checkpoints (not even as the last one to close: that is what meets the
// WAL-reset bug of SQLite before 3.51.3), never changes the journal mode. A WAL database that nobody has open gets an
// empty -wal and a -shm beside it, with the database's owner, as with every reader.
#include <functional>
#include <string>

#include "agent/sqlite/open_files.h"
#include "shared/base/time.h"
#include "shared/os/clock.h"
#include "shared/os/stop.h"

namespace holdfast {

struct SnapshotOptions {
  std::string scratch_directory;                  // must have room for the whole database
  Micros busy_timeout{std::chrono::seconds(10)};  // how long to wait for a writer's exclusive lock
  std::uint32_t pages_per_step = 1024;            // between two looks at the stop token
};

using SnapshotProgress = std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)>;

// The private file; it has no name any more and goes with this object.
struct SqliteSnapshot {
  UniqueFd image;
  SqliteHeader header;
  std::uint32_t pages = 0;
  SqliteJournal journal = SqliteJournal::rollback;
  Timestamp taken_at;  // everything committed before is in it
  Micros held{0};      // how long the database was read-locked
};

// Code::unsupported: cannot be captured at all (encrypted, another format, held exclusively for good); unavailable:
// locked longer than busy_timeout; exhausted: no room in the scratch directory.
Result<SqliteSnapshot> take_snapshot(const std::string& path, OpenSqliteFiles& open_files, const Clock& clock,
                                     const SnapshotOptions& options, const StopToken& stop,
                                     const SnapshotProgress& progress);

}  // namespace holdfast
