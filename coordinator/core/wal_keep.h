#pragma once
// Which log the kept backups need. Pure. Where it is in doubt, log is kept: what is decided here cannot be undone.
#include <optional>
#include <set>

#include "coordinator/catalog/released_log.h"
#include "shared/fleet/fleet.h"

namespace holdfast {

struct WalKeepInput {
  std::vector<const Backup*> backups;  // of one database, in any order
  std::vector<WalRange> ranges;        // its durable log
  std::vector<TimelineChange> switches;
  std::set<BackupId> needed;  // by restores that are planned or run: to any moment after them
  Micros pitr{0};             // 0: every moment since the oldest kept backup
  Timestamp now;
};

// A stretch that a backup needs to become consistent, and no more.
struct KeptStretch {
  LogStretch log;
  Timestamp through_time;  // what was committed by then lies before its end
};

// Positions mean all timelines: a history's positions only grow, and a few segments too many harm nobody.
struct WalKeep {
  Lsn keep_from;                    // from here on all of it
  std::vector<KeptStretch> before;  // whole segments before that, in order, and nowhere touching

  std::vector<LogStretch> stretches() const;
};
// nullopt: nothing may go.
std::optional<WalKeep> wal_to_keep(const WalKeepInput& input);

// What is left of the ranges once the rest has gone. Where one ends earlier now, its time says no more than is sure;
// from_time stays what it was, since planning asks it when the timeline was written.
std::vector<WalRange> cut_wal_ranges(const std::vector<WalRange>& ranges, const WalKeep& keep);

}  // namespace holdfast
