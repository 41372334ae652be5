#include "shared/os/clock.h"

#include <thread>

namespace holdfast {

Timestamp SystemClock::now() const {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp::from_micros(std::chrono::duration_cast<Micros>(since).count());
}

Micros SystemClock::monotonic() const {
  return std::chrono::duration_cast<Micros>(std::chrono::steady_clock::now().time_since_epoch());
}

void SystemClock::sleep_for(Micros duration) {
  std::this_thread::sleep_for(duration);
}

}  // namespace holdfast
