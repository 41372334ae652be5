#pragma once
// The newest checkpoint that can be believed, out of all stores.
#include "coordinator/catalog/checkpoint_content.h"
#include "shared/fleet/fleet.h"
#include "shared/repository/backup_reader.h"
#include "shared/repository/checkpoint.h"

namespace holdfast {

struct StoredCheckpoint {
  CheckpointHeader header;
  CheckpointContent content;
  std::string store;
};

struct FoundCheckpoints {
  std::optional<StoredCheckpoint> newest;  // nullopt: none that does
  std::vector<Finding> refused;            // newer ones, and why
  std::uint64_t newest_coordinator = 0;    // the highest epoch that a signed header tells of
};

// From the newest name on, until one is sound. The error of a store that cannot be asked.
Result<FoundCheckpoints> find_checkpoint(const std::vector<NamedStore>& stores, const TrustAnchor& anchor,
                                         const BoxKeyPair& recovery);

}  // namespace holdfast
