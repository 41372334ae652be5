#pragma once
#include <map>
#include <memory>

#include "shared/os/system_entropy.h"
#include "shared/repository/epoch.h"
#include "shared/store/store.h"
#include "tests/harness/memory_store.h"

namespace holdfast {

// Keys, ids and a store for one database, as an enrolled agent would have them.
class RepositoryFixture {
 public:
  RepositoryFixture()
      : fleet(entropy.id<FleetId>()),
        database(entropy.id<DatabaseId>()),
        node(entropy.id<NodeId>()),
        signer(make_sign_key(entropy)),
        store(std::make_shared<MemoryStore>()),
        stores({{"memory", store}}, 1),
        epoch(std::make_shared<EpochKey>(EpochKey{entropy.id<EpochId>(), random_key()})) {
    keys.add(EpochKey{epoch->id, epoch->key.clone()});
  }

  SystemEntropy entropy;
  FleetId fleet;
  DatabaseId database;
  NodeId node;
  SignKeyPair signer;
  std::shared_ptr<MemoryStore> store;
  StoreSet stores;
  std::shared_ptr<const EpochKey> epoch;
  KeyRing keys;

 private:
  Secret<32> random_key() {
    const auto bytes = entropy.bytes<32>();
    return Secret<32>::from_bytes(bytes).value();
  }
};

}  // namespace holdfast
