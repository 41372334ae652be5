#pragma once
// The seam to the sockets of vaults: a message is a header and, behind it, perhaps one frame of content. Who the peer
// is is the CURVE key that the socket proved.
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/wire/transport.h"
#include "shared/wire/vault_messages.h"

namespace holdfast {

struct VaultIncoming {
  std::string connection;  // which of the peer's; chosen by this side
  CurvePublicKey peer;
  Bytes header;
  Bytes content;  // empty: none came
};

// A vault's ROUTER. Any key may connect: what it may do is for the receiver to decide, message by message. One thread
// uses it; one a process, because libzmq asks one handler a process who may in.
class VaultListener {
 public:
  virtual ~VaultListener() = default;
  // Waits for the first message until `timeout` or until one of extra_fds is readable, then takes at most `limit`.
  // Frames that are too long or too many never arrive here.
  virtual Result<std::vector<VaultIncoming>> receive(Micros timeout, std::size_t limit) = 0;
  // Code::unavailable: it has gone, or does not take what it is sent.
  virtual Result<> send(const std::string& connection, ByteView header, ByteView content) = 0;
  virtual std::uint16_t port() const = 0;
};

struct VaultListenerOptions {
  std::string bind = "0.0.0.0";
  std::uint16_t port = 7410;  // 0: any
};
// Code::conflict when the port is taken.
Result<std::unique_ptr<VaultListener>> open_vault_listener(ZmqContext& context, const VaultListenerOptions& options,
                                                           const CurveKeyPair& key, std::vector<int> extra_fds);

struct VaultFrames {
  Bytes header;
  Bytes content;
};

// A client's DEALER. One thread at a time. It ends with the first loss of the connection: nothing is ever sent into a
// second one that was meant for the first.
class VaultConnection {
 public:
  virtual ~VaultConnection() = default;
  virtual Result<> send(ByteView header, ByteView content) = 0;
  // nullopt: nothing came in time. Code::unavailable: nobody is there, or not any more.
  virtual Result<std::optional<VaultFrames>> receive(Micros timeout) = 0;
};

struct VaultAddress {
  std::string endpoint;  // "tcp://host:7410"
  CurvePublicKey server;
  friend bool operator==(const VaultAddress&, const VaultAddress&) = default;
};
Result<std::unique_ptr<VaultConnection>> open_vault_connection(ZmqContext& context, const VaultAddress& address,
                                                               const CurveKeyPair& own);

}  // namespace holdfast
