#pragma once
// How a job's progress becomes news: not too often, and with the rate at which it goes on. Pure: the caller has the
// clock.
#include <optional>

#include "shared/base/time.h"
#include "shared/fleet/fleet.h"

namespace holdfast {

enum class ProgressNews : std::uint8_t { message, message_and_log };

// Used by one thread at a time.
class ProgressPace {
 public:
  struct Limits {
    Micros between_messages = std::chrono::seconds(1);
    Micros between_log_lines = std::chrono::seconds(30);  // a job that is done before has none
  };
  ProgressPace(Limits limits, Micros now) : limits_(limits), next_log_(now + limits.between_log_lines) {}

  // Whether this is to be told; then the rate is filled in: bytes a second of this step, lately. 0: not known yet.
  std::optional<ProgressNews> next(Micros now, Progress& progress);

 private:
  void measure(Micros now, const Progress& progress);

  Limits limits_;
  Micros next_message_{0};
  Micros next_log_;
  std::string step_;
  Micros measured_at_{0};
  std::uint64_t measured_bytes_ = 0;
  double rate_ = 0;
};

}  // namespace holdfast
