#include "agent/health/health_judge.h"

#include <fmt/format.h>

namespace holdfast {

std::string_view to_string(Health health) {
  switch (health) {
    case Health::unknown:
      return "unknown";
    case Health::healthy:
      return "healthy";
    case Health::unhealthy:
      return "unhealthy";
  }
  return "unknown";
}

bool HealthJudge::is_due() const {
  return !asked_at_ && (!answered_at_ || clock_->monotonic() >= *answered_at_ + limits_.interval);
}

void HealthJudge::asked() {
  asked_at_ = clock_->monotonic();
  gave_up_ = false;
}

void HealthJudge::answered(const std::optional<std::string>& failure) {
  look_at_clock();
  const bool counted_before = gave_up_;
  gave_up_ = false;
  asked_at_.reset();
  answered_at_ = clock_->monotonic();
  if (failure) {
    if (!counted_before) failed(*failure);
    return;
  }
  health_ = Health::healthy;
  failures_ = 0;
  cause_.clear();
}

void HealthJudge::look_at_clock() {
  if (!asked_at_ || clock_->monotonic() < *asked_at_ + limits_.timeout) return;
  asked_at_.reset();
  answered_at_ = clock_->monotonic();
  gave_up_ = true;
  failed(fmt::format("no answer within {}", to_text(limits_.timeout)));
}

void HealthJudge::failed(std::string cause) {
  ++failures_;
  cause_ = std::move(cause);
  if (failures_ >= limits_.retries) health_ = Health::unhealthy;
}

}  // namespace holdfast
