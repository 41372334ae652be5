#pragma once
// Messages from many threads to one that also waits on sockets: zmq_poll can wait on fd(), which an inproc socket
// would need encoding for. One receiver; any number of senders.
#include <sys/eventfd.h>
#include <unistd.h>

#include <deque>
#include <mutex>
#include <optional>
#include <utility>

#include "shared/base/unique_handle.h"

namespace holdfast {

template <class T>
class Mailbox {
 public:
  Mailbox() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  void send(T message) {
    {
      const std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(message));
    }
    const std::uint64_t one = 1;
    (void)!::write(event_.get(), &one, sizeof one);
  }

  // Everything that has come so far, in order; never waits.
  std::deque<T> take_all() {
    std::uint64_t count = 0;
    (void)!::read(event_.get(), &count, sizeof count);
    const std::lock_guard lock(mutex_);
    return std::exchange(waiting_, {});
  }

  // Readable while something waits.
  int fd() const { return event_.get(); }

 private:
  UniqueFd event_;
  std::mutex mutex_;
  std::deque<T> waiting_;
};

}  // namespace holdfast
