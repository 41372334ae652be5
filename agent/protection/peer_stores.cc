#include "agent/protection/peer_stores.h"

#include <fmt/format.h>

#include "shared/identity/grant.h"

namespace holdfast {

std::shared_ptr<PeerStore> PeerStores::make(const StoreInfo& store) const {
  PeerConnections::Settings settings;
  settings.address = {store.peer.endpoint, store.peer.server};
  return std::make_shared<PeerStore>(context_, clock_, store.name, std::move(settings), own_, store.peer.grant);
}

Result<std::shared_ptr<Store>> PeerStores::open(const StoreInfo& store) {
  if (!store.peer.grant.empty()) {
    const VaultGrant grant = TRY_DURING(fmt::format("store \"{}\"", store.name), peek_grant(store.peer.grant));
    if (grant.use == GrantUse::order) return make(store);
  }
  const std::lock_guard lock(mutex_);
  auto& standing = standing_[store.id];
  if (!standing) {
    standing = make(store);
  } else if (!store.peer.grant.empty()) {
    standing->set_place({store.peer.endpoint, store.peer.server}, store.peer.grant);
  }
  return standing;
}

}  // namespace holdfast
