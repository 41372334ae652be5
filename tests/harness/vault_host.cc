#include "tests/harness/vault_host.h"

#include <stdexcept>

namespace holdfast {

constexpr GrantVerbs every_verb =
    GrantVerb::put | GrantVerb::get | GrantVerb::list | GrantVerb::stat | GrantVerb::remove;

VaultHost::VaultHost(std::uint64_t quota_bytes) {
  const Timestamp now = clock.now();
  certificate = issue_intermediate(root, {fleet, intermediate.public_key, now, now + std::chrono::hours(10)});
  duty = {entropy.id<StoreId>(), "vault", directory / "vault", quota_bytes};
  start();
}

void VaultHost::start() {
  server.reset();
  auto started =
      VaultServer::start({context, files, clock, node, root.public_key, fleet, directory / "memory", Logger::none()},
                         {"127.0.0.1", port_});
  if (!started) throw std::runtime_error(started.error().text());
  server = std::move(*started);
  port_ = server->port();
  server->set({duty});
}

VaultGrant VaultHost::grant(const CurvePublicKey& holder, std::vector<GrantRule> rules) const {
  const Timestamp now = clock.now();
  return {fleet, duty.store, holder, GrantUse::standing, 1, now, now + std::chrono::hours(1), std::move(rules)};
}

VaultAddress VaultHost::address() const {
  return {"tcp://127.0.0.1:" + std::to_string(port_), node.public_key};
}

std::shared_ptr<PeerStore> VaultHost::store(const CurveKeyPair& own, Bytes grant_bytes) {
  PeerConnections::Settings settings;
  settings.address = address();
  settings.patience = patience;
  settings.away_for = std::chrono::milliseconds(50);
  return std::make_shared<PeerStore>(context, clock, duty.name, settings, own, std::move(grant_bytes));
}

std::shared_ptr<PeerStore> VaultHost::store_of_owner() {
  return store_with({{"", every_verb}});
}

std::shared_ptr<PeerStore> VaultHost::store_with(std::vector<GrantRule> rules) {
  return store(client, issued(grant(client.public_key, std::move(rules))));
}

}  // namespace holdfast
