#include "shared/wire/zmq_monitor.h"

#include <cstring>

#include "shared/os/system_entropy.h"

namespace holdfast {

ZmqMonitor::~ZmqMonitor() {
  if (watched_ != nullptr) zmq_socket_monitor(watched_, nullptr, 0);
}

Result<> ZmqMonitor::watch(ZmqContext& context, const ZmqSocket& socket, int events) {
  SystemEntropy entropy;
  const std::string name = "inproc://holdfast-monitor-" + to_hex(entropy.bytes<8>());
  ZmqSocket reader = TRY(open_zmq_socket(context.native(), ZMQ_PAIR));
  TRY(set_option(reader, ZMQ_LINGER, 0));
  if (zmq_socket_monitor(socket.get(), name.c_str(), events) != 0) return std::unexpected(zmq_error("watch a socket"));
  watched_ = socket.get();
  reader_ = std::move(reader);
  if (zmq_connect(reader_.get(), name.c_str()) != 0) return std::unexpected(zmq_error("watch a socket"));
  return {};
}

// Two frames an event: number (16 bits) and value (32 bits) in this machine's order, then the address.
std::optional<ZmqMonitor::Event> ZmqMonitor::take() {
  for (;;) {
    ZmqFrame frame;
    if (!frame.take(reader_)) return std::nullopt;
    Event event{};
    const ByteView bytes = frame.bytes();
    const bool whole = bytes.size() == sizeof event.number + sizeof event.value;
    if (whole) {
      std::memcpy(&event.number, bytes.data(), sizeof event.number);
      std::memcpy(&event.value, bytes.data() + sizeof event.number, sizeof event.value);
    }
    drop_rest(reader_, frame);
    if (whole) return event;
  }
}

bool ZmqMonitor::wait(Micros timeout) {
  zmq_pollitem_t item{reader_.get(), 0, ZMQ_POLLIN, 0};
  return zmq_poll(&item, 1, poll_milliseconds(timeout)) > 0;
}

}  // namespace holdfast
