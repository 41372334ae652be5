#include <fmt/format.h>

#include "shared/os/clock.h"
#include "shared/wire/address_limit.h"
#include "shared/wire/routes.h"
#include "shared/wire/zap_handler.h"

namespace holdfast {
namespace {

constexpr int backlog = 4096;
// Debian's libzmq knows the option; its header names it only to those who ask for drafts.
constexpr int zap_enforce_domain = 93;
constexpr std::size_t limited_addresses = 20'000;
// Queues hold messages of one peer each.
struct DoorLimits {
  std::string_view name;
  const char* domain;  // never empty: libzmq lets everybody in who comes through a door without a domain
  std::size_t message_bytes;
  int receive_queue;
  int send_queue;
  std::size_t peers;
};
constexpr DoorLimits enrol_limits{"enrol", "holdfast-enrol", 16U << 10U, 8, 64, 10'000};
constexpr DoorLimits fleet_limits{"fleet", "holdfast-fleet", 1U << 20U, 100, 1000, 500'000};

struct DoorSocket {
  DoorSocket(Door door_, const DoorLimits& limits_) : door(door_), limits(limits_), routes(limits_.peers) {}
  Door door;
  const DoorLimits& limits;
  ZmqSocket socket;
  Routes routes;
  std::uint16_t port = 0;
};

enum class Taken : std::uint8_t { nothing, dropped, message };

class ZmqServerTransport final : public ServerTransport {
 public:
  ZmqServerTransport(const ServerTransportOptions& options, AdmissionCheck admission, std::vector<int> extra_fds)
      : admission_(std::move(admission)),
        extra_fds_(std::move(extra_fds)),
        limit_(options.enrol_messages_per_minute, limited_addresses) {}

  Result<> open(ZmqContext& context, const ServerTransportOptions& options, const CurveKeyPair& enrol_key,
                const CurveKeyPair& fleet_key);
  Result<std::vector<Incoming>> receive(Micros timeout, std::size_t limit) override;
  Result<> send(Door door, const CurvePublicKey& peer, ByteView bytes) override;
  std::uint16_t port(Door door) const override { return door == Door::enrol ? enrol_.port : fleet_.port; }

 private:
  Result<> open_door(ZmqContext& context, DoorSocket& door, const std::string& bind, std::uint16_t port,
                     const CurveKeyPair& key);
  Taken take(DoorSocket& from, std::vector<Incoming>& into);
  bool may_speak(DoorSocket& from, const CurvePublicKey& peer);

  SystemClock clock_;
  const AdmissionCheck admission_;
  const std::vector<int> extra_fds_;
  AddressLimit limit_;
  std::unique_ptr<ZapHandler> zap_;  // outlives the sockets that ask it
  DoorSocket enrol_{Door::enrol, enrol_limits};
  DoorSocket fleet_{Door::fleet, fleet_limits};
};

Result<> ZmqServerTransport::open(ZmqContext& context, const ServerTransportOptions& options,
                                  const CurveKeyPair& enrol_key, const CurveKeyPair& fleet_key) {
  zap_ = TRY(
      ZapHandler::start(context, {{enrol_limits.domain, Door::enrol}, {fleet_limits.domain, Door::fleet}}, admission_));
  TRY(open_door(context, enrol_, options.bind, options.enrol_port, enrol_key));
  TRY(open_door(context, fleet_, options.bind, options.fleet_port, fleet_key));
  return {};
}

Result<> ZmqServerTransport::open_door(ZmqContext& context, DoorSocket& door, const std::string& bind,
                                       std::uint16_t port, const CurveKeyPair& key) {
  door.socket = TRY(open_zmq_socket(context.native(), ZMQ_ROUTER));
  TRY(set_common_options(door.socket, key.secret_key.bytes(), door.limits.message_bytes));
  TRY(set_option(door.socket, ZMQ_CURVE_SERVER, 1));
  TRY(set_option(door.socket, ZMQ_ZAP_DOMAIN, as_bytes(door.limits.domain)));
  TRY(set_option(door.socket, zap_enforce_domain, 1));
  TRY(set_option(door.socket, ZMQ_ROUTER_MANDATORY, 1));
  TRY(set_option(door.socket, ZMQ_RCVHWM, door.limits.receive_queue));
  TRY(set_option(door.socket, ZMQ_SNDHWM, door.limits.send_queue));
  TRY(set_option(door.socket, ZMQ_BACKLOG, backlog));
  const bool version_6 = bind.find(':') != std::string::npos;
  TRY(set_option(door.socket, ZMQ_IPV6, version_6 ? 1 : 0));
  const std::string endpoint = fmt::format("tcp://{}:{}", version_6 ? "[" + bind + "]" : bind,
                                           port == 0 ? std::string("*") : std::to_string(port));
  if (zmq_bind(door.socket.get(), endpoint.c_str()) != 0) {
    Error error = zmq_error(fmt::format("bind the {} socket to \"{}\"", door.limits.name, endpoint));
    if (error.code == Code::conflict) error.hint = fmt::format("choose another port with --{}-port", door.limits.name);
    return std::unexpected(std::move(error));
  }
  door.port = bound_port(door.socket);
  return {};
}

Result<std::vector<Incoming>> ZmqServerTransport::receive(Micros timeout, std::size_t limit) {
  std::vector<zmq_pollitem_t> items{{fleet_.socket.get(), 0, ZMQ_POLLIN, 0}, {enrol_.socket.get(), 0, ZMQ_POLLIN, 0}};
  for (const int fd : extra_fds_) items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  std::vector<Incoming> out;
  if (zmq_poll(items.data(), static_cast<int>(items.size()), poll_milliseconds(timeout)) < 0) {
    if (zmq_errno() == EINTR) return out;
    return std::unexpected(zmq_error("wait for messages"));
  }
  // One from each door in turn, so that a flood at one does not close the other. Dropped ones count too.
  for (std::size_t looked_at = 0; looked_at < limit;) {
    const Taken fleet = take(fleet_, out);
    const Taken enrol = take(enrol_, out);
    looked_at += (fleet != Taken::nothing) + (enrol != Taken::nothing);
    if (fleet == Taken::nothing && enrol == Taken::nothing) break;
  }
  return out;
}

bool ZmqServerTransport::may_speak(DoorSocket& from, const CurvePublicKey& peer) {
  const Admission admission = admission_(from.door, peer);
  const bool may = from.door == Door::enrol ? admission != Admission::revoked : admission == Admission::admit;
  // The handshake was long ago; libzmq cannot cut the connection, but nothing passes it any more.
  if (!may) from.routes.forget(peer);
  return may;
}

// Routing ids that the server chose. One that a peer chose itself could be another's, who would then go unheard.
bool is_automatic(ByteView routing_id) {
  return routing_id.size() == 5 && routing_id[0] == 0;
}

Taken ZmqServerTransport::take(DoorSocket& from, std::vector<Incoming>& into) {
  ZmqFrame place;
  if (!place.take(from.socket)) return Taken::nothing;
  ZmqFrame body;
  if (!place.more() || !body.take(from.socket)) return Taken::dropped;
  if (body.more()) {
    drop_rest(from.socket, body);
    return Taken::dropped;
  }
  // From the body: libzmq 4.3.4 may lose the properties of the first frame after a poll.
  const auto peer = key_of_user_id(body.property("User-Id"));
  if (!peer || !is_automatic(place.bytes()) || body.bytes().size() > from.limits.message_bytes) return Taken::dropped;
  std::string address(body.property("Peer-Address"));
  if (from.door == Door::enrol && !limit_.admit(address, clock_.monotonic())) return Taken::dropped;
  if (!may_speak(from, *peer)) return Taken::dropped;
  from.routes.learn(*peer, place.bytes());
  into.push_back({from.door, *peer, std::move(address), to_bytes(body.bytes())});
  return Taken::message;
}

Result<> ZmqServerTransport::send(Door door, const CurvePublicKey& peer, ByteView bytes) {
  DoorSocket& through = door == Door::enrol ? enrol_ : fleet_;
  const Bytes* place = through.routes.find(peer);
  if (place == nullptr) return fail(Code::unavailable, "the peer is not connected");
  if (zmq_send(through.socket.get(), place->data(), place->size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    if (zmq_errno() == EAGAIN) return fail(Code::unavailable, "the peer does not take its messages");
    through.routes.forget(peer);
    return fail(Code::unavailable, "the peer has gone");
  }
  if (zmq_send(through.socket.get(), bytes.data(), bytes.size(), ZMQ_DONTWAIT) < 0) {
    return std::unexpected(zmq_error("send a message"));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ServerTransport>> open_server_transport(ZmqContext& context,
                                                               const ServerTransportOptions& options,
                                                               CurveKeyPair enrol_key, CurveKeyPair fleet_key,
                                                               AdmissionCheck admission, std::vector<int> extra_fds) {
  auto transport = std::make_unique<ZmqServerTransport>(options, std::move(admission), std::move(extra_fds));
  TRY(transport->open(context, options, enrol_key, fleet_key));
  return transport;
}

}  // namespace holdfast
