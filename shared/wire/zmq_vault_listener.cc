#include <fmt/format.h>

#include <array>

#include "shared/wire/vault_transport.h"
#include "shared/wire/zap_handler.h"
#include "shared/wire/zmq_monitor.h"

namespace holdfast {
namespace {

constexpr int vault_backlog = 1024;
constexpr int vault_zap_enforce_domain = 93;  // see zmq_server.cc
constexpr Micros unbind_limit = std::chrono::seconds(1);
constexpr const char* vault_domain = "holdfast-vault";
// Of one peer. A window of chunks and a few messages besides: who keeps to the protocol never fills them.
constexpr int vault_queue = static_cast<int>(vault_window_bytes / vault_chunk_bytes) + 16;

class ZmqVaultListener final : public VaultListener {
 public:
  explicit ZmqVaultListener(std::vector<int> extra_fds) : extra_fds_(std::move(extra_fds)) {}
  ~ZmqVaultListener() override;

  Result<> open(ZmqContext& context, const VaultListenerOptions& options, const CurveKeyPair& key);
  Result<std::vector<VaultIncoming>> receive(Micros timeout, std::size_t limit) override;
  Result<> send(const std::string& connection, ByteView header, ByteView content) override;
  std::uint16_t port() const override { return port_; }

 private:
  bool take(std::vector<VaultIncoming>& into);

  const std::vector<int> extra_fds_;
  std::unique_ptr<ZapHandler> zap_;  // outlives the socket that asks it
  ZmqSocket socket_;
  ZmqMonitor monitor_;
  std::string endpoint_;  // empty: not bound
  std::uint16_t port_ = 0;
};

// The port is free when this returns: closing alone gives it back some time later.
ZmqVaultListener::~ZmqVaultListener() {
  if (!endpoint_.empty() && zmq_unbind(socket_.get(), endpoint_.c_str()) == 0) monitor_.wait(unbind_limit);
}

Result<> ZmqVaultListener::open(ZmqContext& context, const VaultListenerOptions& options, const CurveKeyPair& key) {
  zap_ = TRY(ZapHandler::start(context, {{vault_domain, Door::fleet}},
                               [](Door, const CurvePublicKey&) { return Admission::admit; }));
  socket_ = TRY(open_zmq_socket(context.native(), ZMQ_ROUTER));
  TRY(set_common_options(socket_, key.secret_key.bytes(), std::max(vault_chunk_bytes, vault_hello_limit)));
  TRY(set_option(socket_, ZMQ_CURVE_SERVER, 1));
  TRY(set_option(socket_, ZMQ_ZAP_DOMAIN, as_bytes(vault_domain)));
  TRY(set_option(socket_, vault_zap_enforce_domain, 1));
  TRY(set_option(socket_, ZMQ_ROUTER_MANDATORY, 1));
  TRY(set_option(socket_, ZMQ_RCVHWM, vault_queue));
  TRY(set_option(socket_, ZMQ_SNDHWM, vault_queue));
  TRY(set_option(socket_, ZMQ_BACKLOG, vault_backlog));
  const bool version_6 = options.bind.find(':') != std::string::npos;
  TRY(set_option(socket_, ZMQ_IPV6, version_6 ? 1 : 0));
  const std::string endpoint = fmt::format("tcp://{}:{}", version_6 ? "[" + options.bind + "]" : options.bind,
                                           options.port == 0 ? std::string("*") : std::to_string(options.port));
  TRY(monitor_.watch(context, socket_, ZMQ_EVENT_CLOSED));
  if (zmq_bind(socket_.get(), endpoint.c_str()) != 0) {
    Error error = zmq_error(fmt::format("bind the vault's socket to \"{}\"", endpoint));
    if (error.code == Code::conflict) error.hint = "choose another port: vault.port in the agent's configuration";
    return std::unexpected(std::move(error));
  }
  endpoint_ = bound_endpoint(socket_);
  port_ = bound_port(socket_);
  return {};
}

Result<std::vector<VaultIncoming>> ZmqVaultListener::receive(Micros timeout, std::size_t limit) {
  std::vector<zmq_pollitem_t> items{{socket_.get(), 0, ZMQ_POLLIN, 0}};
  for (const int fd : extra_fds_) items.push_back({nullptr, fd, ZMQ_POLLIN, 0});
  std::vector<VaultIncoming> out;
  if (zmq_poll(items.data(), static_cast<int>(items.size()), poll_milliseconds(timeout)) < 0) {
    if (zmq_errno() == EINTR) return out;
    return std::unexpected(zmq_error("wait for messages"));
  }
  for (std::size_t looked_at = 0; looked_at < limit && take(out); ++looked_at) {
  }
  return out;
}

// False: nothing there. What is not of our shape is dropped.
bool ZmqVaultListener::take(std::vector<VaultIncoming>& into) {
  ZmqFrame place;
  if (!place.take(socket_)) return false;
  ZmqFrame header;
  if (!place.more() || !header.take(socket_)) return true;
  VaultIncoming incoming;
  // From the body: libzmq 4.3.4 may lose the properties of the first frame after a poll.
  const auto peer = key_of_user_id(header.property("User-Id"));
  incoming.header = to_bytes(header.bytes());
  if (header.more()) {
    ZmqFrame content;
    if (!content.take(socket_)) return true;
    if (content.more() || content.bytes().size() > vault_chunk_bytes || content.bytes().empty()) {
      drop_rest(socket_, content);
      return true;
    }
    incoming.content = to_bytes(content.bytes());
  }
  if (!peer || incoming.header.size() > vault_hello_limit) return true;
  incoming.peer = *peer;
  incoming.connection = as_text(place.bytes());
  into.push_back(std::move(incoming));
  return true;
}

Result<> ZmqVaultListener::send(const std::string& connection, ByteView header, ByteView content) {
  if (zmq_send(socket_.get(), connection.data(), connection.size(), ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
    return fail(Code::unavailable, zmq_errno() == EAGAIN ? "the peer does not take its messages" : "the peer has gone");
  }
  const int more = content.empty() ? 0 : ZMQ_SNDMORE;
  if (zmq_send(socket_.get(), header.data(), header.size(), more | ZMQ_DONTWAIT) < 0 ||
      (more != 0 && zmq_send(socket_.get(), content.data(), content.size(), ZMQ_DONTWAIT) < 0)) {
    return std::unexpected(zmq_error("send a message"));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<VaultListener>> open_vault_listener(ZmqContext& context, const VaultListenerOptions& options,
                                                           const CurveKeyPair& key, std::vector<int> extra_fds) {
  auto listener = std::make_unique<ZmqVaultListener>(std::move(extra_fds));
  TRY(listener->open(context, options, key));
  return listener;
}

}  // namespace holdfast
