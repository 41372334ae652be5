#pragma once
// The vaults of other nodes that this node was given grants for.
#include <map>
#include <memory>
#include <mutex>

#include "shared/fleet/fleet.h"
#include "shared/store/peer/peer_store.h"

namespace holdfast {

// Safe from many threads.
class PeerStores {
 public:
  // All outlive it. `own`: the node's.
  PeerStores(ZmqContext& context, Clock& clock, const CurveKeyPair& own)
      : context_(context), clock_(clock), own_(own) {}

  // The same object again for a standing grant, with the newest one and the newest address: who writes for weeks never
  // has old ones. With a grant of an order, one of its own. Without a grant it is there all the same and says so when
  // it is used.
  Result<std::shared_ptr<Store>> open(const StoreInfo& store);

 private:
  std::shared_ptr<PeerStore> make(const StoreInfo& store) const;

  ZmqContext& context_;
  Clock& clock_;
  const CurveKeyPair& own_;
  std::mutex mutex_;
  std::map<StoreId, std::shared_ptr<PeerStore>> standing_;  // guarded by mutex_
};

}  // namespace holdfast
