#pragma once
// What retention released goes: first a row and an audit entry, then a signed mark and the objects, then the row.
#include "coordinator/core/state.h"

namespace holdfast {

// Decisions for every database of the list.
std::vector<RetentionDecision> preview_retention(const CoreState& state, const std::vector<DatabaseId>& databases,
                                                 Timestamp now);
// Releases what they release, and asks for the log that no kept backup needs to go.
std::vector<std::string> run_retention(Turn& turn, const std::vector<DatabaseId>& databases, const std::string& who);
// By an operator's word. Code::conflict: on hold, needed by a restore, or the last good backup of its database.
Result<> release_backup(Turn& turn, BackupId id, const std::string& who);

// Packs of earlier backups that backups which are kept read. An error: a record cannot be read, so that nothing of the
// database may go.
Result<std::set<std::string>> packs_needed_by_kept(const CoreState& state, DatabaseId database);

void objects_removed(Turn& turn, const ObjectsRemoved& removed);
void wal_removed(Turn& turn, const WalRemoved& removed);
// Runs retention once an hour; repeats removals that were not confirmed.
void watch_retention(Turn& turn);

}  // namespace holdfast
