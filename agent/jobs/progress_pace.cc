#include "agent/jobs/progress_pace.h"

#include <cmath>

namespace holdfast {
namespace {

// Of the rate's memory, what is left after this long: a store that gets slow is seen within seconds.
constexpr double half_life_seconds = 5;

}  // namespace

std::optional<ProgressNews> ProgressPace::next(Micros now, Progress& progress) {
  if (now < next_message_ && progress.step == step_) return std::nullopt;
  next_message_ = now + limits_.between_messages;
  measure(now, progress);
  progress.bytes_per_second = static_cast<std::uint64_t>(std::llround(rate_));
  if (now < next_log_) return ProgressNews::message;
  next_log_ = now + limits_.between_log_lines;
  return ProgressNews::message_and_log;
}

void ProgressPace::measure(Micros now, const Progress& progress) {
  const bool first = progress.step != step_ || progress.done_bytes < measured_bytes_;
  const double seconds = std::chrono::duration<double>(now - measured_at_).count();
  if (!first && seconds <= 0) return;
  if (first) {
    step_ = progress.step;
    rate_ = 0;
  } else {
    const double lately = static_cast<double>(progress.done_bytes - measured_bytes_) / seconds;
    const double kept = rate_ == 0 ? 0 : std::exp2(-seconds / half_life_seconds);
    rate_ = kept * rate_ + (1 - kept) * lately;
  }
  measured_at_ = now;
  measured_bytes_ = progress.done_bytes;
}

}  // namespace holdfast
