#include "shared/wire/zmq_parts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <stdexcept>

namespace holdfast {

namespace {
constexpr int io_threads = 2;
constexpr int linger_milliseconds = 1000;
constexpr int keepalive_idle_seconds = 60;
constexpr int keepalive_interval_seconds = 15;
constexpr int keepalive_count = 4;
// Room for CURVE's own bytes around a message of the allowed size.
constexpr std::int64_t curve_overhead = 256;
}  // namespace

ZmqContext::ZmqContext() : native_(zmq_ctx_new()) {
  if (native_ == nullptr) throw std::runtime_error("libzmq does not start");
  if (zmq_has("curve") == 0) throw std::runtime_error("this libzmq has no CURVE");
  zmq_ctx_set(native_, ZMQ_IO_THREADS, io_threads);
}

ZmqContext::~ZmqContext() {
  while (zmq_ctx_term(native_) != 0 && zmq_errno() == EINTR) {
  }
}

Error zmq_error(std::string_view doing) {
  const int number = zmq_errno();
  Code code = Code::unavailable;
  if (number == EINVAL || number == EPROTONOSUPPORT || number == ENOCOMPATPROTO) code = Code::invalid;
  if (number == EADDRINUSE) code = Code::conflict;
  if (number == EACCES || number == EPERM) code = Code::denied;
  if (number == EMFILE || number == ENOMEM) code = Code::exhausted;
  return Error{code, fmt::format("{}: {}", doing, zmq_strerror(number)), {}};
}

Result<ZmqSocket> open_zmq_socket(void* context, int type) {
  ZmqSocket socket(zmq_socket(context, type));
  if (!socket) return std::unexpected(zmq_error("open a socket"));
  return socket;
}

namespace {
Result<> set_raw(const ZmqSocket& socket, int option, const void* value, std::size_t size) {
  if (zmq_setsockopt(socket.get(), option, value, size) != 0) {
    return std::unexpected(zmq_error(fmt::format("set option {} of a socket", option)));
  }
  return {};
}
}  // namespace

Result<> set_option(const ZmqSocket& socket, int option, int value) {
  return set_raw(socket, option, &value, sizeof value);
}
Result<> set_option(const ZmqSocket& socket, int option, std::int64_t value) {
  return set_raw(socket, option, &value, sizeof value);
}
Result<> set_option(const ZmqSocket& socket, int option, ByteView value) {
  return set_raw(socket, option, value.data(), value.size());
}

Result<> set_common_options(const ZmqSocket& socket, ByteView secret_key, std::size_t message_limit) {
  TRY(set_option(socket, ZMQ_CURVE_SECRETKEY, secret_key));
  TRY(set_option(socket, ZMQ_MAXMSGSIZE, static_cast<std::int64_t>(message_limit) + curve_overhead));
  TRY(set_option(socket, ZMQ_LINGER, linger_milliseconds));
  TRY(set_option(socket, ZMQ_TCP_KEEPALIVE, 1));
  TRY(set_option(socket, ZMQ_TCP_KEEPALIVE_IDLE, keepalive_idle_seconds));
  TRY(set_option(socket, ZMQ_TCP_KEEPALIVE_INTVL, keepalive_interval_seconds));
  TRY(set_option(socket, ZMQ_TCP_KEEPALIVE_CNT, keepalive_count));
  return {};
}

std::string bound_endpoint(const ZmqSocket& socket) {
  std::array<char, 256> endpoint{};
  std::size_t size = endpoint.size();
  if (zmq_getsockopt(socket.get(), ZMQ_LAST_ENDPOINT, endpoint.data(), &size) != 0) return {};
  return endpoint.data();
}

std::uint16_t bound_port(const ZmqSocket& socket) {
  const std::string endpoint = bound_endpoint(socket);
  unsigned port = 0;
  for (const char c : endpoint.substr(endpoint.rfind(':') + 1)) port = port * 10 + static_cast<unsigned>(c - '0');
  return static_cast<std::uint16_t>(port);
}

void drop_rest(const ZmqSocket& socket, ZmqFrame& last) {
  while (last.more()) {
    if (!last.take(socket)) return;
  }
}

long poll_milliseconds(Micros duration) {
  return static_cast<long>((std::max<std::int64_t>(duration.count(), 0) + 999) / 1000);
}

}  // namespace holdfast
