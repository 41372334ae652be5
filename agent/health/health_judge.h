#pragma once
// Whether something is well, from answers that come now and then, late, or not at all. Does nothing itself: who has it
// asks, and tells what was answered.
#include <cstdint>
#include <optional>
#include <string>

#include "shared/base/time.h"
#include "shared/os/clock.h"

namespace holdfast {

struct HealthLimits {
  Micros interval = std::chrono::seconds(10);  // from one answer to the next question
  Micros timeout = std::chrono::seconds(5);    // a question without an answer for so long has failed
  std::uint32_t retries = 3;                   // so many failures in a row, and it is unhealthy
};

enum class Health : std::uint8_t { unknown, healthy, unhealthy };
std::string_view to_string(Health health);

class HealthJudge {
 public:
  HealthJudge(HealthLimits limits, const Clock& clock) : limits_(limits), clock_(&clock) {}

  // Nobody is being asked, and the interval has passed since the last answer.
  bool is_due() const;
  void asked();
  // nullopt: it is well, whatever was before. An answer to a question whose time has passed counts only when it is
  // good: its failure was counted already.
  void answered(const std::optional<std::string>& failure);
  // Counts a question that was not answered in time.
  void look_at_clock();

  Health health() const { return health_; }
  std::uint32_t failures() const { return failures_; }  // in a row
  const std::string& cause() const { return cause_; }   // of the newest failure; empty: it is well

 private:
  void failed(std::string cause);

  HealthLimits limits_;
  const Clock* clock_;
  std::optional<Micros> asked_at_;     // nobody is being asked: nullopt
  std::optional<Micros> answered_at_;  // or given up
  bool gave_up_ = false;               // on the last question
  Health health_ = Health::unknown;
  std::uint32_t failures_ = 0;
  std::string cause_;
};

}  // namespace holdfast
