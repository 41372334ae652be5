#pragma once
// Waiting before another attempt: exponential with full jitter, so that a thousand agents that were refused together do
// not come back together (AWS Architecture Blog, "Exponential Backoff And Jitter").
#include <optional>

#include "shared/base/entropy.h"
#include "shared/base/mutex.h"
#include "shared/os/clock.h"

namespace holdfast {

// Safe from many threads, whatever the entropy is.
class Backoff {
 public:
  // Both must outlive it. `first` is what the first wait is at most, `longest` what any is at most.
  Backoff(Clock& clock, Entropy& entropy, Micros first, Micros longest)
      : clock_(clock), entropy_(&entropy), first_(first), longest_(longest) {}

  // Before attempt `failed` + 1: something between nothing and min(longest, first * 2^(failed - 1)), and not less than
  // what the server asked for, as long as that is not above `longest`.
  void wait(std::uint32_t failed, std::optional<Micros> asked_for);

 private:
  Clock& clock_;
  Guarded<Entropy*> entropy_;
  const Micros first_;
  const Micros longest_;
};

}  // namespace holdfast
