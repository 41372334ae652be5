#pragma once
// Time that moves only when a test says so.
#include <atomic>

#include "shared/os/clock.h"

namespace holdfast {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(Timestamp start = Timestamp::from_micros(1'790'000'000'000'000)) : now_(start.micros()) {}
  Timestamp now() const override { return Timestamp::from_micros(now_.load()); }
  Micros monotonic() const override { return Micros(monotonic_.load()); }
  void sleep_for(Micros duration) override { advance(duration); }

  void advance(Micros duration) {
    now_ += duration.count();
    monotonic_ += duration.count();
  }
  // The wall clock alone, in any direction.
  void jump(Micros duration) { now_ += duration.count(); }

 private:
  std::atomic<std::int64_t> now_;
  std::atomic<std::int64_t> monotonic_{1'000'000};
};

}  // namespace holdfast
