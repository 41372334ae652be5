#pragma once
// What retention released goes: first a row and an audit entry, then a signed mark and the objects, then the row.
#include "coordinator/core/state.h"

namespace holdfast {

// The row and the audit entry. The backup must be complete; its objects go once ask_removals() has named it.
void release(Turn& turn, const Backup& known, const std::string& who, const std::string& reason);
// Asks for the objects of released backups to go.
void ask_removals(Turn& turn, const std::vector<BackupId>& ids);
// By an operator's word. Code::conflict: on hold, locked, needed by a restore, or the last good or only verified backup
// of its database.
Result<> release_backup(Turn& turn, BackupId id, const std::string& who);

// Backups that restores need which are planned or run.
std::set<BackupId> needed_by_restores(const CoreState& state);
// Fills in what `state.objects` lacks of the database's complete backups; each record is read once.
Result<> read_objects(CoreState& state, DatabaseId database);
// Packs of earlier backups that backups which are kept read. An error: a record cannot be read, so that nothing of the
// database may go.
Result<std::set<std::string>> packs_needed_by_kept(CoreState& state, DatabaseId database);

void objects_removed(Turn& turn, const ObjectsRemoved& removed);
// Repeats removals that were not confirmed.
void watch_removals(Turn& turn);

}  // namespace holdfast
