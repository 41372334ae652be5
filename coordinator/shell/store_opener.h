#pragma once
// How the coordinator's side reaches a store.
#include "coordinator/shell/vault_access.h"
#include "coordinator/shell/worker.h"
#include "shared/store/opening/open_s3.h"

namespace holdfast {

// Never makes a directory a store: what is not there is not mounted.
// `vaults` outlives it; nullptr: the vaults of nodes are not reached, as by one who is not the running coordinator.
OpenStore store_opener(const StoreSurroundings& surroundings, VaultAccess* vaults = nullptr);

}  // namespace holdfast
