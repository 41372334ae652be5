#pragma once
#include <optional>

#include "agent/postgres/wal_positions.h"
#include "shared/base/mutex.h"

namespace holdfast {

// What an agent's state would remember of a receiver, in memory.
class RememberedPositions final : public WalPositions {
 public:
  Result<std::optional<WalResumePoint>> load() override {
    return value_.with([](auto& value) { return Result<std::optional<WalResumePoint>>(value); });
  }
  Result<> save(const WalResumePoint& position) override {
    value_.with([&position](auto& value) { value = position; });
    return {};
  }
  std::optional<WalResumePoint> value() const {
    return value_.with([](const auto& value) { return value; });
  }
  void set(std::optional<WalResumePoint> to) {
    value_.with([&to](auto& value) { value = to; });
  }

 private:
  Guarded<std::optional<WalResumePoint>> value_;
};

}  // namespace holdfast
