#pragma once
// Which backups are kept, and why. Pure; it only decides, removal.h acts.
//
// Rules that release: hourly, daily, weekly, monthly, yearly, days, max_backups, and the budgets max_bytes and
// total_bytes. What always keeps: the newest good and the newest verified backup, a hold, a lock, a restore, what a
// next backup may begin from, min_backups, the recovery window with the backup that begins it. Days begin at midnight
// in the policy's time zone.
#include <set>

#include "coordinator/core/pack_uses.h"
#include "shared/wire/messages.h"

namespace holdfast {

struct RetentionInput {
  DatabaseId database;
  std::string database_name;
  std::vector<const Backup*> backups;        // complete ones are judged, in any order; others are left alone
  std::optional<Policy> policy;              // none: everything is kept
  std::set<BackupId> needed;                 // by restores that are planned or run
  std::set<BackupId> parents;                // from which a node that may back it up begins its next incremental one
  const ObjectsByBackup* objects = nullptr;  // whose packs are read by whom; nullptr: every backup stands alone
  Timestamp now;
};

struct RetentionOutcome {
  std::vector<RetentionDecision> decisions;  // for each complete backup, database by database, newest first
  std::vector<std::string> unmet;            // budgets that cannot be kept to, as sentences
};

// Of a million backups the sentences why each is kept take more memory than the backups.
enum class DecisionsWanted : std::uint8_t { all, released };

// A budget takes the oldest first of what only rules keep. `total_bytes` is shared by all these databases that have a
// policy of the same name: who wants it kept to gives them all.
RetentionOutcome decide_retention(const std::vector<RetentionInput>& databases,
                                  DecisionsWanted wanted = DecisionsWanted::all);

}  // namespace holdfast
