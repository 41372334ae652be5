#pragma once
// The vaults of this node on one socket. It asks nobody but the grants that are shown to it, so it serves while the
// coordinator is away.
#include <map>
#include <memory>
#include <thread>

#include "agent/vault/session_pool.h"
#include "shared/base/mutex.h"
#include "shared/log/log.h"
#include "shared/os/mailbox.h"
#include "shared/os/stop.h"
#include "shared/wire/vault_transport.h"

namespace holdfast {

class VaultServer {
 public:
  // All outlive it.
  struct Parts {
    ZmqContext& context;
    FileSystem& files;
    Clock& clock;
    const CurveKeyPair& key;  // the node's
    SignPublicKey root;
    FleetId fleet;
    std::string memory;  // a directory, for what must be remembered of the vaults over a restart
    Logger log;
  };
  // Serves nothing yet. Code::conflict: the port is taken.
  static Result<std::unique_ptr<VaultServer>> start(Parts parts, const VaultListenerOptions& options);
  ~VaultServer();
  VaultServer(const VaultServer&) = delete;
  VaultServer& operator=(const VaultServer&) = delete;

  // Exactly these from now on; what is going on in others ends. Any thread.
  void set(const std::vector<VaultDuty>& duties);
  std::uint16_t port() const { return port_; }

 private:
  struct Connection {
    CurvePublicKey peer;
    std::shared_ptr<SessionPool::Member> member;
    Micros heard_at{0};
  };
  struct Reply {
    std::string connection;
    VaultMessage message;
    Bytes content;
  };
  // Sessions send into it for as long as they live.
  using Replies = Mailbox<Reply>;

  explicit VaultServer(Parts parts);
  void run();
  void take(VaultIncoming incoming);
  Result<> pass_on(Connection& to, const VaultMessage& message, Bytes content);
  void greet(const VaultIncoming& incoming);
  Result<VaultGrant> admit(const VaultIncoming& incoming, const VaultMessage& message) const;
  Result<> have_room_for(const CurvePublicKey& peer) const;
  void send(const std::string& connection, const VaultMessage& message, ByteView content);
  void refuse(const VaultIncoming& incoming, std::uint32_t id, Error error);
  void note_denials(Connection& connection);
  void tidy_up();

  const Parts parts_;
  const std::shared_ptr<Replies> replies_;
  StopToken stop_;
  TransferSlots slots_;
  SessionPool pool_;
  Guarded<std::map<StoreId, std::shared_ptr<Vault>>> vaults_;
  std::map<std::string, Connection> connections_;  // of the thread
  Micros next_tidying_{0};
  Micros next_warning_{0};
  std::uint16_t port_ = 0;
  std::unique_ptr<VaultListener> listener_;  // belongs to the thread while that runs
  std::thread thread_;
};

}  // namespace holdfast
