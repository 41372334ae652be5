#pragma once
// How soon a committed change must be in a checkpoint. What an operator or a new node did would be missed at once; what
// agents tell again, or what the stores' records say, can wait. Pure.
#include <map>
#include <set>

#include "coordinator/catalog/store.h"
#include "shared/crypto/keys.h"

namespace holdfast {

enum class CheckpointUrgency : std::uint8_t { none, can_wait, soon };

class CheckpointChanges {
 public:
  // Compares with what was noticed before: of nodes, databases and stores only what nobody tells anew counts.
  CheckpointUrgency notice(const CatalogChange& change);
  // Of a whole batch: the most urgent.
  CheckpointUrgency notice(const std::vector<CatalogChange>& changes);
  // What is in the catalog already, so that it is no news.
  Result<> learn(KeyValueStore& catalog);

 private:
  std::map<std::pair<Family, Bytes>, Sha256> known_;
  std::set<Bytes> held_;  // keys of backups on hold
};

}  // namespace holdfast
