#pragma once
// The node's vaults as its assignment wants them: a socket only while there is one to serve.
#include <optional>

#include "agent/vault/vault_server.h"

namespace holdfast {

// One thread uses it.
class VaultKeeper {
 public:
  VaultKeeper(VaultServer::Parts parts, VaultListenerOptions options)
      : parts_(std::move(parts)), options_(std::move(options)) {}

  void put_in_force(const std::vector<VaultDuty>& duties);
  // A port that was taken may be free by now.
  void retry();

 private:
  void serve();

  const VaultServer::Parts parts_;
  const VaultListenerOptions options_;
  std::vector<VaultDuty> duties_;
  std::unique_ptr<VaultServer> server_;  // nullptr: not needed, or not possible
  Micros next_try_{0};
};

}  // namespace holdfast
