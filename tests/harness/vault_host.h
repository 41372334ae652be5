#pragma once
// A node that keeps one vault for a fleet, in this process: real sockets, real disk. And grants for those who use it.
#include <memory>
#include <string>

#include "agent/vault/vault_server.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/store/peer/peer_store.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {

class VaultHost {
 public:
  explicit VaultHost(std::uint64_t quota_bytes = 0);

  // Of this fleet and vault, for an hour.
  VaultGrant grant(const CurvePublicKey& holder, std::vector<GrantRule> rules) const;
  Bytes issued(const VaultGrant& grant) const { return issue_grant(certificate, intermediate, grant); }
  // As the holder of `own` sees the vault.
  std::shared_ptr<PeerStore> store(const CurveKeyPair& own, Bytes grant_bytes);
  // For one who may do everything, and for one who may do this.
  std::shared_ptr<PeerStore> store_of_owner();
  std::shared_ptr<PeerStore> store_with(std::vector<GrantRule> rules);
  VaultAddress address() const;

  void start();  // again, on the same port
  void stop() { server.reset(); }

  SystemEntropy entropy;
  SystemClock clock;
  TemporaryDirectory directory;
  PosixFileSystem files;
  SignKeyPair root = make_sign_key(entropy);
  SignKeyPair intermediate = make_sign_key(entropy);
  FleetId fleet = entropy.id<FleetId>();
  SignedBytes certificate;
  CurveKeyPair node = make_curve_key(entropy);
  CurveKeyPair client = make_curve_key(entropy);
  VaultDuty duty;
  PeerPatience patience{std::chrono::seconds(2), std::chrono::seconds(20)};
  ZmqContext context;
  std::unique_ptr<VaultServer> server;

 private:
  std::uint16_t port_ = 0;
};

}  // namespace holdfast
