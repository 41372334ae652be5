#pragma once
// What a policy's limits leave to a backup: bytes a second to the stores, a share of the host's processors.
#include <functional>
#include <mutex>

#include "shared/base/time.h"
#include "shared/os/clock.h"
#include "shared/os/stop.h"

namespace holdfast {

struct PaceLimits {
  std::uint64_t bytes_per_second = 0;  // 0: no limit
  std::uint32_t cpu_percent = 0;       // of all cores together, 1 to 100; 0: no limit
  unsigned cores = 1;
};

// Pure: how long to wait, from what was done so far. What was not used earlier is not made up for later, so a limit
// holds over every second and not just over the whole.
class PaceMeter {
 public:
  explicit PaceMeter(PaceLimits limits) : limits_(limits) {}
  // Before `bytes` are sent at `now`.
  Micros before_sending(std::uint64_t bytes, Micros now);
  // After work; `cpu_used` counts the processor time of everything that is limited, and never falls.
  Micros after_work(Micros cpu_used, Micros now);

 private:
  PaceLimits limits_;
  Micros line_free_{0};
  bool began_ = false;
  Micros window_began_{0};
  Micros cpu_then_{0};
};

// Safe from many threads. Waits end early when `stop` is requested.
class Pace {
 public:
  Pace(PaceLimits limits, Clock& clock, StopToken stop);
  void before_sending(std::uint64_t bytes);
  void after_work();  // of any thread of this process: all of its processor time counts

 private:
  PaceLimits limits_;
  Clock& clock_;
  StopToken stop_;
  std::mutex mutex_;  // guards meter_
  PaceMeter meter_;
};

}  // namespace holdfast
