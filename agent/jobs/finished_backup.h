#pragma once
// After a crash: the backup that a job made, out of the stores, when only the word of it was lost.
#include <optional>

#include "shared/fleet/fleet.h"
#include "shared/repository/record.h"
#include "shared/store/store.h"

namespace holdfast {

// The complete backup whose record names this job, with the stores that hold the record; nullopt: every store could be
// asked and none has one. `own` signed it: the data key's document, which would say so too, is not for a writer to read
// everywhere. The error is that of a store that could not be asked, when no other has it. A job that does not know its
// backup is looked for in the lists of the stores.
Result<std::optional<Backup>> finished_backup(const StoreSet& stores, const SignPublicKey& own, const Job& job);

}  // namespace holdfast
