#pragma once
// Private to the zmq_* files: owners of libzmq's handles, and its errors as ours.
#include <zmq.h>

#include <string>
#include <string_view>

#include "shared/base/bytes.h"
#include "shared/base/time.h"
#include "shared/base/unique_handle.h"
#include "shared/wire/transport.h"

namespace holdfast {

using ZmqSocket = UniqueHandle<void, zmq_close>;

Error zmq_error(std::string_view doing);
Result<ZmqSocket> open_zmq_socket(void* context, int type);
Result<> set_option(const ZmqSocket& socket, int option, int value);
Result<> set_option(const ZmqSocket& socket, int option, ByteView value);
Result<> set_option(const ZmqSocket& socket, int option, std::int64_t value);
// What both sides of a connection need: our key, bounded queues and sizes, dead peers found by the kernel. Never
// ZMQ_HEARTBEAT_*: it can end the whole process when a queue is full.
Result<> set_common_options(const ZmqSocket& socket, ByteView secret_key, std::size_t message_limit);

// Where a bound socket listens, also when it was to choose the port itself; 0: it says nothing.
std::string bound_endpoint(const ZmqSocket& socket);  // empty: it says nothing
std::uint16_t bound_port(const ZmqSocket& socket);

// One frame.
class ZmqFrame {
 public:
  ZmqFrame() { zmq_msg_init(&frame_); }
  ~ZmqFrame() { zmq_msg_close(&frame_); }
  ZmqFrame(const ZmqFrame&) = delete;
  ZmqFrame& operator=(const ZmqFrame&) = delete;

  // False: none there.
  bool take(const ZmqSocket& socket) { return zmq_msg_recv(&frame_, socket.get(), ZMQ_DONTWAIT) >= 0; }
  bool more() { return zmq_msg_more(&frame_) != 0; }
  ByteView bytes() { return {static_cast<const std::uint8_t*>(zmq_msg_data(&frame_)), zmq_msg_size(&frame_)}; }
  // What the handshake left on it; empty when there is no such property.
  std::string_view property(const char* name) {
    const char* value = zmq_msg_gets(&frame_, name);
    return value == nullptr ? std::string_view() : value;
  }

 private:
  zmq_msg_t frame_{};
};

// Takes and forgets what is left of a message.
void drop_rest(const ZmqSocket& socket, ZmqFrame& last);

// For zmq_poll, which counts in milliseconds; rounded up, so that it does not spin before the time.
long poll_milliseconds(Micros duration);

}  // namespace holdfast
