#include "coordinator/shell/vault_access.h"

#include "shared/identity/grant.h"

namespace holdfast {
namespace {

// A work of removal opens its stores anew and ends long before.
constexpr Micros grant_life = std::chrono::hours(24);
constexpr Micros renewed_after = std::chrono::hours(1);
constexpr GrantVerbs everything =
    GrantVerb::put | GrantVerb::get | GrantVerb::list | GrantVerb::stat | GrantVerb::remove;

}  // namespace

VaultAccess::VaultAccess(ZmqContext& context, Clock& clock, const StateDirectory& state)
    : context_(context),
      clock_(clock),
      fleet_(state.fleet),
      own_{state.fleet_server.public_key, state.fleet_server.secret_key.clone()},
      intermediate_{state.intermediate.public_key, state.intermediate.secret_key.clone()},
      certificate_(state.intermediate_certificate) {}

Bytes VaultAccess::grant(StoreId store, Timestamp now) const {
  VaultGrant out;
  out.fleet = fleet_;
  out.store = store;
  out.holder = own_.public_key;
  out.issued = now;
  out.expires = now + grant_life;
  out.rules = {{"", everything}};
  return issue_grant(certificate_, intermediate_, out);
}

Result<std::shared_ptr<Store>> VaultAccess::open(const StoreInfo& store) {
  const VaultAddress address{store.peer.endpoint, store.peer.server};
  const Timestamp now = clock_.now();
  const std::lock_guard lock(mutex_);
  Open& open = open_[store.id];
  if (now - open.granted_at > renewed_after || now < open.granted_at) {
    open.granted_at = now;
    open.grant = grant(store.id, now);
  }
  if (!open.store) {
    PeerConnections::Settings settings;
    settings.address = address;
    open.store = std::make_shared<PeerStore>(context_, clock_, store.name, std::move(settings), own_, open.grant);
  } else {
    open.store->set_place(address, open.grant);
  }
  return open.store;
}

}  // namespace holdfast
