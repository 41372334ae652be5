#pragma once
// Which backups of one database are kept, and why. Pure; it only decides, removal.h acts.
#include <set>

#include "shared/wire/messages.h"

namespace holdfast {

struct RetentionInput {
  DatabaseId database;
  std::string database_name;
  std::vector<Backup> backups;   // complete ones are judged, in any order; others are left alone
  std::optional<Policy> policy;  // none: everything is kept
  std::set<BackupId> needed;     // by restores that are planned or run
  std::set<BackupId> parents;    // from which a node that may back it up begins its next incremental one
  Timestamp now;
};

// One decision for each complete backup, newest first. Rules that release: daily, weekly, monthly, yearly, days,
// max_backups. What always keeps: the newest good backup, a hold, a running restore, what a next backup may begin from,
// min_backups, the start of the pitr window. Days begin at midnight UTC.
std::vector<RetentionDecision> decide_retention(const RetentionInput& input);

// Log before this position is of no use to any backup that is kept; nullopt: nothing may go.
struct WalHorizon {
  Lsn keep_from;
  Timestamp from_time;  // start of the backup that needs it
};
std::optional<WalHorizon> wal_horizon(const std::vector<Backup>& kept, std::uint64_t segment_size);

}  // namespace holdfast
