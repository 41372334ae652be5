#include "agent/jobs/pace.h"

#include <time.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr Micros window = std::chrono::seconds(1);

Micros process_cpu() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return Micros(std::int64_t{used.tv_sec} * 1'000'000 + used.tv_nsec / 1000);
}

}  // namespace

Micros PaceMeter::before_sending(std::uint64_t bytes, Micros now) {
  if (limits_.bytes_per_second == 0) return Micros(0);
  const Micros begin = std::max(line_free_, now);
  const double seconds = static_cast<double>(bytes) / static_cast<double>(limits_.bytes_per_second);
  line_free_ = begin + Micros(static_cast<std::int64_t>(seconds * 1e6));
  return begin - now;
}

Micros PaceMeter::after_work(Micros cpu_used, Micros now) {
  if (limits_.cpu_percent == 0) return Micros(0);
  if (!began_) {
    began_ = true;
    window_began_ = now;
    cpu_then_ = cpu_used;
    return Micros(0);
  }
  const double share = limits_.cpu_percent / 100.0 * limits_.cores;
  const Micros due =
      window_began_ + Micros(static_cast<std::int64_t>(static_cast<double>((cpu_used - cpu_then_).count()) / share));
  if (due > now) return due - now;
  if (now - window_began_ >= window) {
    window_began_ = now;
    cpu_then_ = cpu_used;
  }
  return Micros(0);
}

Pace::Pace(PaceLimits limits, Clock& clock, StopToken stop)
    : limits_(limits), clock_(clock), stop_(std::move(stop)), meter_(limits) {}

void Pace::before_sending(std::uint64_t bytes) {
  if (limits_.bytes_per_second == 0) return;
  Micros wait{0};
  {
    const std::lock_guard lock(mutex_);
    wait = meter_.before_sending(bytes, clock_.monotonic());
  }
  if (wait.count() > 0) (void)stop_.wait_for(wait);
}

void Pace::after_work() {
  if (limits_.cpu_percent == 0) return;
  Micros wait{0};
  {
    const std::lock_guard lock(mutex_);
    wait = meter_.after_work(process_cpu(), clock_.monotonic());
  }
  if (wait.count() > 0) (void)stop_.wait_for(wait);
}

}  // namespace holdfast
