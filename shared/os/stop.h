#pragma once
// Asking a program's parts to stop, in order, from a signal or from each other.
#include <atomic>
#include <memory>

#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/base/unique_handle.h"

namespace holdfast {

// A request to stop that many threads can see and poll. Copies share the same request.
class StopToken {
 public:
  StopToken();
  bool stop_requested() const { return state_->requested.load(std::memory_order_acquire); }
  void request_stop() const;
  // Becomes readable for good when a stop was requested: for poll(2) and zmq_poll.
  int fd() const { return state_->event.get(); }
  // Waits at most this long; true: stop was requested.
  bool wait_for(Micros duration) const;

 private:
  struct State {
    std::atomic<bool> requested{false};
    UniqueFd event;
  };
  std::shared_ptr<State> state_;
};

// SIGTERM and SIGINT request a stop once; a second one ends the process at once (exit 130). SIGPIPE is ignored.
// Make it in main before any thread; it blocks the signals and gives them to a thread of its own.
class StopOnSignal {
 public:
  explicit StopOnSignal(StopToken token);
  StopOnSignal(const StopOnSignal&) = delete;
  StopOnSignal& operator=(const StopOnSignal&) = delete;
};

}  // namespace holdfast
