#include <fmt/format.h>

#include <array>

#include "shared/os/clock.h"
#include "shared/wire/vault_transport.h"
#include "shared/wire/zmq_monitor.h"

namespace holdfast {
namespace {

constexpr int vault_client_queue = 1000;  // messages; credits keep it far below
constexpr int vault_connect_timeout_milliseconds = 5000;
// It is never waited for: a connection that was lost is not used again. Each further attempt would only be told to a
// monitor that nobody reads while the connection lies idle.
constexpr int vault_reconnect_milliseconds = 3'600'000;
constexpr int vault_linger_milliseconds = 0;  // what nobody waits for any more need not arrive
constexpr int events_that_end_it = ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CONNECT_RETRIED |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL;

class ZmqVaultConnection final : public VaultConnection {
 public:
  explicit ZmqVaultConnection(std::string endpoint) : endpoint_(std::move(endpoint)) {}

  Result<> open(ZmqContext& context, const CurvePublicKey& server, const CurveKeyPair& own);
  Result<> send(ByteView header, ByteView content) override;
  Result<std::optional<VaultFrames>> receive(Micros timeout) override;

 private:
  std::optional<VaultFrames> take();
  void look_at_monitor();

  const std::string endpoint_;
  SystemClock clock_;
  bool lost_ = false;
  ZmqSocket socket_;
  ZmqMonitor monitor_;
};

Result<> ZmqVaultConnection::open(ZmqContext& context, const CurvePublicKey& server, const CurveKeyPair& own) {
  socket_ = TRY(open_zmq_socket(context.native(), ZMQ_DEALER));
  TRY(set_common_options(socket_, own.secret_key.bytes(), std::max(vault_chunk_bytes, vault_hello_limit)));
  TRY(set_option(socket_, ZMQ_LINGER, vault_linger_milliseconds));
  TRY(set_option(socket_, ZMQ_CURVE_PUBLICKEY, own.public_key.bytes()));
  TRY(set_option(socket_, ZMQ_CURVE_SERVERKEY, server.bytes()));
  TRY(set_option(socket_, ZMQ_RCVHWM, vault_client_queue));
  TRY(set_option(socket_, ZMQ_SNDHWM, vault_client_queue));
  TRY(set_option(socket_, ZMQ_CONNECT_TIMEOUT, vault_connect_timeout_milliseconds));
  TRY(set_option(socket_, ZMQ_RECONNECT_IVL, vault_reconnect_milliseconds));
  TRY(set_option(socket_, ZMQ_IPV6, endpoint_.find('[') != std::string::npos ? 1 : 0));
  TRY(monitor_.watch(context, socket_, events_that_end_it));
  if (zmq_connect(socket_.get(), endpoint_.c_str()) != 0) {
    return std::unexpected(
        zmq_error(fmt::format("connect to \"{}\"", endpoint_)).with_hint("an endpoint looks like tcp://host:7410"));
  }
  return {};
}

Result<> ZmqVaultConnection::send(ByteView header, ByteView content) {
  const int more = content.empty() ? 0 : ZMQ_SNDMORE;
  if (!lost_ && zmq_send(socket_.get(), header.data(), header.size(), more | ZMQ_DONTWAIT) >= 0 &&
      (more == 0 || zmq_send(socket_.get(), content.data(), content.size(), ZMQ_DONTWAIT) >= 0)) {
    return {};
  }
  lost_ = true;
  return fail(Code::unavailable, fmt::format("\"{}\" does not take messages", endpoint_));
}

std::optional<VaultFrames> ZmqVaultConnection::take() {
  for (;;) {
    ZmqFrame header;
    if (!header.take(socket_)) return std::nullopt;
    VaultFrames out;
    out.header = to_bytes(header.bytes());
    if (!header.more()) return out;
    ZmqFrame content;
    if (!content.take(socket_)) return std::nullopt;
    if (!content.more() && content.bytes().size() <= vault_chunk_bytes) {
      out.content = to_bytes(content.bytes());
      return out;
    }
    drop_rest(socket_, content);
  }
}

// Whatever it tells ends this connection; which of the events it was does not matter.
void ZmqVaultConnection::look_at_monitor() {
  while (monitor_.take()) lost_ = true;
}

Result<std::optional<VaultFrames>> ZmqVaultConnection::receive(Micros timeout) {
  const Micros deadline = clock_.monotonic() + timeout;
  for (;;) {
    // What arrived before the loss still counts.
    if (auto frames = take()) return frames;
    if (lost_) return fail(Code::unavailable, fmt::format("nobody answers at \"{}\"", endpoint_));
    const Micros left = deadline - clock_.monotonic();
    if (left <= Micros(0)) return std::nullopt;
    std::array<zmq_pollitem_t, 2> items{
        {{socket_.get(), 0, ZMQ_POLLIN, 0}, {monitor_.reader().get(), 0, ZMQ_POLLIN, 0}}};
    if (zmq_poll(items.data(), items.size(), poll_milliseconds(left)) < 0 && zmq_errno() != EINTR) {
      return std::unexpected(zmq_error("wait for messages"));
    }
    look_at_monitor();
  }
}

}  // namespace

Result<std::unique_ptr<VaultConnection>> open_vault_connection(ZmqContext& context, const VaultAddress& address,
                                                               const CurveKeyPair& own) {
  auto connection = std::make_unique<ZmqVaultConnection>(address.endpoint);
  TRY(connection->open(context, address.server, own));
  return connection;
}

}  // namespace holdfast
