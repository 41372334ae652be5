#pragma once
// What is durable of a database, as the pure planning functions want it.
#include "coordinator/core/restore_plan.h"
#include "coordinator/core/state.h"

namespace holdfast {

DatabaseHistory history_of(const CoreState& state, const Database& database);
std::vector<EpochMoment> epoch_moments(const CoreState& state, DatabaseId database);
// The data keys of this backup and of the log that it needs or that may be replayed after it: the key may have changed
// while it ran, and what it took over from earlier ones lies under theirs. Code::not_found: its own is not in the
// catalog.
Result<std::vector<EpochId>> epochs_to_read(const CoreState& state, const Database& database, BackupId backup);

}  // namespace holdfast
