#pragma once
// After a crash: the backup that a job made, out of the stores, when only the word of it was lost.
#include <optional>

#include "shared/fleet/fleet.h"
#include "shared/repository/backup_reader.h"

namespace holdfast {

// The complete backup whose signed record names this job, with the stores that hold the record; nullopt: every store
// could be asked and none has one. The error is that of a store that could not be asked, when no other has it.
Result<std::optional<Backup>> finished_backup(const StoreSet& stores, const TrustAnchor& anchor, const Job& job);

}  // namespace holdfast
