#pragma once
// The host is about to go down, known from logind before anything on it is stopped: it waits then for whoever holds a
// delay lock, though no longer than its InhibitDelayMaxSec, 5 s unless configured (systemd.io/INHIBITOR_LOCKS).
#include <functional>
#include <memory>
#include <string>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace holdfast {

// Holds such a lock while it lives. Where there is no system bus or no logind nothing waits, and it is looked for again
// now and then.
class HostShutdown {
 public:
  struct Settings {
    std::string who;  // as `systemd-inhibit --list` shows them
    std::string why;
    Micros look_again = std::chrono::minutes(1);
  };
  // Called from a thread of its own.
  struct Events {
    // The host waits until this returns.
    std::function<void()> goes_down;
    std::function<void()> stays;  // after all
    // The lock is not held, once each time that it is lost or cannot be had.
    std::function<void(const Error&)> without_lock;
    std::function<void()> with_lock;
  };
  HostShutdown(Settings settings, Events events);
  ~HostShutdown();
  HostShutdown(const HostShutdown&) = delete;
  HostShutdown& operator=(const HostShutdown&) = delete;

 private:
  class Work;
  std::unique_ptr<Work> work_;
};

}  // namespace holdfast
