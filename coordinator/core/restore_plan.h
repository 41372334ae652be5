#pragma once
// From what is in the stores to which moments can be had back: the backup to begin with, the log to replay, the data
// keys it takes. Pure.
#include <map>
#include <set>

#include "coordinator/core/wal_ranges.h"
#include "shared/wire/messages.h"

namespace holdfast {

// Everything durable of one database.
struct DatabaseHistory {
  DatabaseId database;
  std::string name;
  Engine engine = Engine::postgres;
  std::vector<Backup> backups;  // only complete ones count
  std::vector<WalRange> ranges;
  std::vector<TimelineChange> switches;
  // Log before these positions was released, but for what backups needed to become consistent: there it ends on
  // purpose.
  std::map<Timeline, Lsn> released_before;
};

struct PlannedSource {
  Backup backup;      // without its record
  Timeline timeline;  // to replay along
  Lsn reach_lsn;      // as far as the log goes
  Timestamp reach_time;
  std::vector<std::string> notes;
};
// The newest backup from which the target can be reached without a gap; `wanted`: only that one. Code::not_restorable
// names the nearest point that can be reached; Code::invalid: the engine does not know such a target.
Result<PlannedSource> plan_source(const DatabaseHistory& history, const RecoveryTarget& target,
                                  const std::optional<BackupId>& wanted);

// From when to when, and what is missing in between. nullopt: there is no backup.
std::optional<Window> recovery_window(const DatabaseHistory& history);

// Log that is missing between every backup and the newest stretch of log: nothing of that stretch can be restored
// before a backup that began in it is complete. nullopt: none, or there is no backup, or it is not known yet where the
// newest timeline came from.
struct OpenGap {
  Timestamp reachable;  // what was committed before it can be restored
  Lsn from;
  Lsn to;
};
std::optional<OpenGap> open_gap(const DatabaseHistory& history);

// The log behind this backup as far as it is known to be durable, gaps or not: one part for each timeline on the way to
// the one that is being written, the backup's own first, from its end on. It ends where log was released. Empty: no
// such complete backup, or SQLite.
std::vector<WalPart> log_behind(const DatabaseHistory& history, BackupId backup);

struct EpochMoment {
  EpochId id;
  NodeId node;
  Timestamp created_at;
};
// Data keys of the backup and of every piece of log that may be replayed after it: all made since it began, and of each
// node the one that was in use then.
std::vector<EpochId> needed_epochs(const std::vector<EpochId>& of_backup, Timestamp backup_started_at, Engine engine,
                                   const std::vector<EpochMoment>& epochs);

}  // namespace holdfast
