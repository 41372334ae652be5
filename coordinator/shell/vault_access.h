#pragma once
// The vaults of nodes as the coordinator uses them: with its own key, and with grants that it gives itself. Nobody else
// gets one that removes.
#include <map>
#include <mutex>

#include "coordinator/shell/state_directory.h"
#include "shared/fleet/fleet.h"
#include "shared/os/clock.h"
#include "shared/store/peer/peer_store.h"

namespace holdfast {

// Safe from many threads.
class VaultAccess {
 public:
  // Takes copies of the keys it needs; `context` and `clock` outlive it.
  VaultAccess(ZmqContext& context, Clock& clock, const StateDirectory& state);

  Result<std::shared_ptr<Store>> open(const StoreInfo& store);

 private:
  Bytes grant(StoreId store, Timestamp now) const;

  ZmqContext& context_;
  Clock& clock_;
  const FleetId fleet_;
  const CurveKeyPair own_;
  const SignKeyPair intermediate_;
  const SignedBytes certificate_;
  struct Open {
    std::shared_ptr<PeerStore> store;
    Timestamp granted_at;
    Bytes grant;
  };
  std::mutex mutex_;
  std::map<StoreId, Open> open_;  // guarded by mutex_
};

}  // namespace holdfast
