#pragma once
// Private to the zmq_* files: what libzmq tells about one of its sockets.
#include <cstdint>
#include <optional>

#include "shared/wire/zmq_parts.h"

namespace holdfast {

// libzmq's I/O threads wait, and with them every connection they serve, while a monitor's reader is gone or does not
// take what is told (socket_base.cpp: monitor_event). So the telling ends before the reader does, and what is watched
// for must be rare or taken often. Used by the thread that uses the socket.
class ZmqMonitor {
 public:
  struct Event {
    std::uint16_t number;  // ZMQ_EVENT_*
    std::uint32_t value;
  };

  ZmqMonitor() = default;
  ~ZmqMonitor();
  ZmqMonitor(const ZmqMonitor&) = delete;
  ZmqMonitor& operator=(const ZmqMonitor&) = delete;

  // `socket` outlives it. Once. `events`: of ZMQ_EVENT_*.
  Result<> watch(ZmqContext& context, const ZmqSocket& socket, int events);
  // nullopt: nothing more was told.
  std::optional<Event> take();
  // Whether anything was told in time.
  bool wait(Micros timeout);
  const ZmqSocket& reader() const { return reader_; }

 private:
  void* watched_ = nullptr;
  ZmqSocket reader_;
};

}  // namespace holdfast
