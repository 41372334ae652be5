#pragma once
// Time is asked of a Clock handed in, waiting too: tests move it by hand, simulations run days in a second.
#include <chrono>

#include "shared/base/time.h"

namespace holdfast {

class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock; may jump in both directions.
  virtual Timestamp now() const = 0;
  // Never goes back; only differences mean something.
  virtual Micros monotonic() const = 0;
  virtual void sleep_for(Micros duration) = 0;
};

// The machine's clocks. Safe from many threads.
class SystemClock final : public Clock {
 public:
  Timestamp now() const override;
  Micros monotonic() const override;
  void sleep_for(Micros duration) override;
};

}  // namespace holdfast
