#pragma once
// What a PostgreSQL restore asks before it touches anything.
#include "agent/postgres/server_control.h"
#include "agent/restore/postgres_restore.h"
#include "shared/postgres/timeline_history.h"

namespace holdfast {

// How the files come into the directory.
enum class FilesFrom : std::uint8_t {
  backup,  // all of them
  clones,  // the old directory is set aside, clones of its files are changed where they differ
  place,   // those of the old directory are overwritten where they differ: there is no way back
};

struct RestorePlan {
  int major_version = 0;
  std::string programs;  // directory of the server programs
  WalSegmentSize segment_size;
  TimelineHistory history;              // of the timeline to replay along
  Lsn wal_end;                          // what the stores have along it
  std::optional<WalTimes> times;        // of that; nullopt: whoever planned knows that the wanted time is covered
  std::vector<Tablespace> tablespaces;  // where they go
  bool target_exists = false;           // something is in the target directory, to be set aside or overwritten
  FilesFrom files = FilesFrom::backup;
  std::optional<PostmasterFile> server;  // that runs on it
};

Result<RestorePlan> check_restore(const RestoreTarget& target, const PostgresRestoreRun& run);

// Whether the log opens with the keys we have, to its end whatever the target: it is read ahead of the server. Tells a
// key that came after the plan before anything is touched. Code::denied.
Result<> check_log_opens(const RestorePlan& plan, const PostgresRestoreRun& run);
// Pure: whether the target can lie after the backup's end and before the end of the log.
Result<> check_reachable(const RestoreTarget& target, const BackupRecord& record, Lsn wal_end);
// Pure: whether the end of the log is the state at `wanted`, when nothing in the log was committed later.
Result<> check_time_is_told(Timestamp wanted, const RestorePlan& plan);
// Pure: the first stretch of this history that lies behind `end`, so that `end` is a gap and no end; nullopt: none.
std::optional<WalStretch> log_behind(const TimelineHistory& history, Lsn end, const std::vector<WalStretch>& stretches);
// Pure: whether the latest point may be the end of what there is. Nobody who planned it knows how far the log should
// go.
Result<> check_no_gap(const RestoreTarget& target, Lsn wal_end, const std::optional<WalStretch>& behind);
// Pure: the end of the log along `history` from `from` on without a gap; `from` itself when there is none.
Lsn end_of_log(const TimelineHistory& history, Lsn from, const std::vector<WalStretch>& stretches);

}  // namespace holdfast
