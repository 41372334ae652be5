#include "agent/vault/vault_keeper.h"

namespace holdfast {
namespace {

constexpr Micros retry_every = std::chrono::seconds(10);

}  // namespace

void VaultKeeper::put_in_force(const std::vector<VaultDuty>& duties) {
  duties_ = duties;
  serve();
}

void VaultKeeper::retry() {
  if (duties_.empty() || server_ || parts_.clock.monotonic() < next_try_) return;
  serve();
}

void VaultKeeper::serve() {
  if (duties_.empty()) {
    server_.reset();
    return;
  }
  if (!server_) {
    auto started = VaultServer::start(parts_, options_);
    if (!started) {
      next_try_ = parts_.clock.monotonic() + retry_every;
      parts_.log.error("the vaults of this node cannot be served", started.error());
      return;
    }
    server_ = std::move(*started);
    parts_.log.info("vaults are served", {{"vaults", duties_.size()}, {"port", server_->port()}});
  }
  server_->set(duties_);
}

}  // namespace holdfast
