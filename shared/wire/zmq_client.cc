#include <fmt/format.h>

#include "shared/os/clock.h"
#include "shared/os/system_entropy.h"
#include "shared/wire/zmq_monitor.h"

namespace holdfast {
namespace {

constexpr int queue = 1000;  // messages
// After a coordinator's restart its fleet comes back spread over these times, not at once.
constexpr int reconnect_from_milliseconds = 1000;
constexpr int reconnect_spread_milliseconds = 4000;
constexpr int prompt_reconnect_milliseconds = 200;
constexpr int reconnect_limit_milliseconds = 120'000;
constexpr int connect_timeout_milliseconds = 10'000;

class ZmqClientTransport final : public ClientTransport {
 public:
  ZmqClientTransport(const ClientTransportOptions& options, std::vector<int> extra_fds)
      : endpoint_(options.endpoint),
        message_limit_(options.message_limit),
        reconnect_(options.reconnect),
        extra_fds_(std::move(extra_fds)) {}

  Result<> open(ZmqContext& context, const CurvePublicKey& server, const CurveKeyPair& own);
  Result<> send(ByteView bytes) override;
  Result<std::optional<Bytes>> receive(Micros timeout) override;

 private:
  std::optional<Bytes> take_message();
  void look_at_monitor();
  Result<> refused() const;

  const std::string endpoint_;
  const std::size_t message_limit_;
  const Reconnect reconnect_;
  const std::vector<int> extra_fds_;
  SystemClock clock_;
  bool refused_ = false;
  ZmqSocket socket_;
  ZmqMonitor monitor_;
};

Result<> ZmqClientTransport::open(ZmqContext& context, const CurvePublicKey& server, const CurveKeyPair& own) {
  SystemEntropy entropy;
  socket_ = TRY(open_zmq_socket(context.native(), ZMQ_DEALER));
  TRY(set_common_options(socket_, own.secret_key.bytes(), message_limit_));
  TRY(set_option(socket_, ZMQ_CURVE_PUBLICKEY, own.public_key.bytes()));
  TRY(set_option(socket_, ZMQ_CURVE_SERVERKEY, server.bytes()));
  TRY(set_option(socket_, ZMQ_RCVHWM, queue));
  TRY(set_option(socket_, ZMQ_SNDHWM, queue));
  const auto jitter = read_be<std::uint32_t>(entropy.bytes<4>()) % reconnect_spread_milliseconds;
  const bool prompt = reconnect_ == Reconnect::prompt;
  TRY(set_option(socket_, ZMQ_RECONNECT_IVL,
                 prompt ? prompt_reconnect_milliseconds : reconnect_from_milliseconds + static_cast<int>(jitter)));
  // 0: always the same interval.
  TRY(set_option(socket_, ZMQ_RECONNECT_IVL_MAX, prompt ? 0 : reconnect_limit_milliseconds));
  TRY(set_option(socket_, ZMQ_CONNECT_TIMEOUT, connect_timeout_milliseconds));
  TRY(set_option(socket_, ZMQ_IPV6, endpoint_.find('[') != std::string::npos ? 1 : 0));
  TRY(monitor_.watch(context, socket_, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH));
  if (zmq_connect(socket_.get(), endpoint_.c_str()) != 0) {
    return std::unexpected(
        zmq_error(fmt::format("connect to \"{}\"", endpoint_)).with_hint("an endpoint looks like tcp://host:7400"));
  }
  return {};
}

Result<> ZmqClientTransport::refused() const {
  return fail(Code::denied, fmt::format("\"{}\" refused our key: it was revoked", endpoint_));
}

Result<> ZmqClientTransport::send(ByteView bytes) {
  if (refused_) return refused();
  if (zmq_send(socket_.get(), bytes.data(), bytes.size(), ZMQ_DONTWAIT) >= 0) return {};
  if (zmq_errno() == EAGAIN) return fail(Code::unavailable, fmt::format("\"{}\" does not take messages", endpoint_));
  return std::unexpected(zmq_error(fmt::format("send to \"{}\"", endpoint_)));
}

std::optional<Bytes> ZmqClientTransport::take_message() {
  for (;;) {
    ZmqFrame frame;
    if (!frame.take(socket_)) return std::nullopt;
    if (!frame.more() && frame.bytes().size() <= message_limit_) return to_bytes(frame.bytes());
    drop_rest(socket_, frame);
  }
}

void ZmqClientTransport::look_at_monitor() {
  constexpr std::uint32_t never = 400;  // the ZAP status is the value of a failed authentication
  while (const auto event = monitor_.take()) {
    if (event->number == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH && event->value == never) refused_ = true;
  }
}

Result<std::optional<Bytes>> ZmqClientTransport::receive(Micros timeout) {
  const Micros deadline = clock_.monotonic() + timeout;
  for (;;) {
    std::vector<zmq_pollitem_t> items{{socket_.get(), 0, ZMQ_POLLIN, 0}, {monitor_.reader().get(), 0, ZMQ_POLLIN, 0}};
    for (const int fd : extra_fds_) items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
    const Micros left = deadline - clock_.monotonic();
    if (zmq_poll(items.data(), static_cast<int>(items.size()), poll_milliseconds(left)) < 0 && zmq_errno() != EINTR) {
      return std::unexpected(zmq_error("wait for messages"));
    }
    look_at_monitor();
    if (auto message = take_message()) return message;
    if (refused_) return std::unexpected(refused().error());
    for (std::size_t i = 2; i < items.size(); ++i) {
      if (items[i].revents != 0) return std::nullopt;
    }
    if (clock_.monotonic() >= deadline) return std::nullopt;
  }
}

}  // namespace

Result<std::unique_ptr<ClientTransport>> open_client_transport(ZmqContext& context,
                                                               const ClientTransportOptions& options,
                                                               const CurveKeyPair& own, std::vector<int> extra_fds) {
  auto transport = std::make_unique<ZmqClientTransport>(options, std::move(extra_fds));
  TRY(transport->open(context, options.server, own));
  return transport;
}

}  // namespace holdfast
