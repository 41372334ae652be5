#pragma once
// Log that no kept backup needs: taken out of what counts as durable, and then out of the stores until they confirm it.
#include "coordinator/core/state.h"

namespace holdfast {

// What there is to say about it; nullopt: nothing was released.
std::optional<std::string> release_wal(Turn& turn, const Database& database);
void wal_removed(Turn& turn, const WalRemoved& removed);
// Repeats what was not confirmed.
void watch_wal_removals(Turn& turn);

}  // namespace holdfast
