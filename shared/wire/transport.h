#pragma once
// The seam to the network. Identity is the CURVE key that ZAP proved, never a routing id or anything in a message.
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/time.h"
#include "shared/crypto/keys.h"
#include "shared/os/stop.h"

namespace holdfast {

// Who may speak. Asked by the ZAP handler's thread at each handshake and by the receiving side for each message.
enum class Admission : std::uint8_t { admit, unknown, revoked };
enum class Door : std::uint8_t { enrol, fleet };

struct Incoming {
  Door door = Door::fleet;
  CurvePublicKey peer;
  std::string address;  // as libzmq reports it
  Bytes bytes;
};

// The coordinator's two ROUTERs. One thread uses it; admission may be asked from another.
class ServerTransport {
 public:
  virtual ~ServerTransport() = default;
  // Waits for the first message until `timeout`, then takes all that are there (at most `limit`).
  virtual Result<std::vector<Incoming>> receive(Micros timeout, std::size_t limit) = 0;
  // To the newest connection of this peer on this door. Code::unavailable: it has none or is too slow; the sender
  // resends by its own rules.
  virtual Result<> send(Door door, const CurvePublicKey& peer, ByteView bytes) = 0;
  // Where it listens, also when port 0 was asked for; 0: nowhere.
  virtual std::uint16_t port(Door) const { return 0; }
};

struct ServerTransportOptions {
  std::string bind = "0.0.0.0";
  std::uint16_t fleet_port = 7400;
  std::uint16_t enrol_port = 7401;
  std::uint32_t enrol_messages_per_minute = 120;  // of one address
};

// Called at handshakes (any thread) and for each message (receiving thread); must be quick and thread-safe.
using AdmissionCheck = std::function<Admission(Door, const CurvePublicKey&)>;

// extra_fds become reasons for receive() to return early. Code::conflict when a port is taken.
class ZmqContext;
Result<std::unique_ptr<ServerTransport>> open_server_transport(ZmqContext& context,
                                                               const ServerTransportOptions& options,
                                                               CurveKeyPair enrol_key, CurveKeyPair fleet_key,
                                                               AdmissionCheck admission, std::vector<int> extra_fds);

// One connection of an agent or operator. One thread uses it.
class ClientTransport {
 public:
  virtual ~ClientTransport() = default;
  virtual Result<> send(ByteView bytes) = 0;
  // nullopt: nothing came in time, or one of extra_fds became readable. Code::denied: the server refused our key for
  // good (the caller makes a new transport after its own back-off).
  virtual Result<std::optional<Bytes>> receive(Micros timeout) = 0;
};

// How a connection that was refused or lost is tried again.
enum class Reconnect : std::uint8_t {
  spread,  // one of a fleet that comes back all at once after its coordinator's restart: seconds, by chance
  prompt,  // somebody waits for the answer
};

struct ClientTransportOptions {
  std::string endpoint;  // "tcp://host:7400"
  CurvePublicKey server;
  std::size_t message_limit = 1U << 20U;
  Reconnect reconnect = Reconnect::spread;
};
// `context` is the process's one zmq context.
class ZmqContext;
Result<std::unique_ptr<ClientTransport>> open_client_transport(ZmqContext& context,
                                                               const ClientTransportOptions& options,
                                                               const CurveKeyPair& own, std::vector<int> extra_fds);

// One per process, made in main.
class ZmqContext {
 public:
  ZmqContext();
  ~ZmqContext();
  ZmqContext(const ZmqContext&) = delete;
  ZmqContext& operator=(const ZmqContext&) = delete;
  void* native() const { return native_; }

 private:
  void* native_;
};

}  // namespace holdfast
