#include "shared/wire/zap_handler.h"

#include <array>

namespace holdfast {

namespace {
constexpr const char* zap_endpoint = "inproc://zeromq.zap.01";
// Frames of a request: version, request id, domain, address, routing id, mechanism, and CURVE's key.
constexpr std::size_t request_frames = 7;
enum RequestFrame : std::size_t { version, request_id, domain, address, routing_id, mechanism, key };
}  // namespace

std::string zap_user_id(const CurvePublicKey& key) {
  return key.text();
}

Result<CurvePublicKey> key_of_user_id(std::string_view user_id) {
  const Bytes bytes = TRY(from_base64url(user_id));
  return CurvePublicKey::from_bytes(bytes);
}

std::string_view zap_status(const std::map<std::string, Door>& domains, std::string_view domain, ByteView key,
                            const AdmissionCheck& admission) {
  const auto door = domains.find(std::string(domain));
  const auto peer = CurvePublicKey::from_bytes(key);
  if (door == domains.end() || !peer) return "500";
  switch (admission(door->second, *peer)) {
    case Admission::admit:
      return "200";
    case Admission::unknown:
      return door->second == Door::enrol ? "200" : "300";
    case Admission::revoked:
      return "400";
  }
  return "500";
}

Result<std::unique_ptr<ZapHandler>> ZapHandler::start(ZmqContext& context, std::map<std::string, Door> domains,
                                                      AdmissionCheck admission) {
  ZmqSocket socket = TRY(open_zmq_socket(context.native(), ZMQ_REP));
  TRY(set_option(socket, ZMQ_LINGER, 0));
  if (zmq_bind(socket.get(), zap_endpoint) != 0) return std::unexpected(zmq_error("bind the handler of handshakes"));
  std::unique_ptr<ZapHandler> handler(new ZapHandler(std::move(socket), std::move(domains), std::move(admission)));
  handler->thread_ = std::thread([raw = handler.get()] { raw->run(); });
  return handler;
}

ZapHandler::~ZapHandler() {
  stop_.request_stop();
  thread_.join();
  zmq_unbind(socket_.get(), zap_endpoint);  // closing alone gives the name back some time later
}

void ZapHandler::run() {
  while (!stop_.stop_requested()) {
    std::array<zmq_pollitem_t, 2> items{{{socket_.get(), 0, ZMQ_POLLIN, 0}, {nullptr, stop_.fd(), ZMQ_POLLIN, 0}}};
    if (zmq_poll(items.data(), items.size(), -1) < 0 && zmq_errno() != EINTR) return;
    if ((items[0].revents & ZMQ_POLLIN) != 0) answer();
  }
}

void ZapHandler::answer() {
  std::array<Bytes, request_frames> request;
  ZmqFrame frame;
  std::size_t count = 0;
  do {
    if (!frame.take(socket_)) return;
    if (count < request.size()) request[count] = to_bytes(frame.bytes());
    ++count;
  } while (frame.more());

  std::string_view status = "500";
  std::string user_id;
  if (count == request_frames && as_text(request[version]) == "1.0" && as_text(request[mechanism]) == "CURVE") {
    status = zap_status(domains_, as_text(request[domain]), request[key], admission_);
    if (status == "200") user_id = to_base64url(request[key]);
  }
  const std::array<std::string_view, 6> reply{"1.0", as_text(request[request_id]), status, "", user_id, ""};
  for (std::size_t i = 0; i < reply.size(); ++i) {
    zmq_send(socket_.get(), reply[i].data(), reply[i].size(), i + 1 < reply.size() ? ZMQ_SNDMORE : 0);
  }
}

}  // namespace holdfast
