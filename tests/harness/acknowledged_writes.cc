#include "tests/harness/acknowledged_writes.h"

#include "shared/os/clock.h"

namespace holdfast {

AcknowledgedWrites::AcknowledgedWrites(InsertRow insert_row)
    : insert_row_(std::move(insert_row)), thread_([this] {
        SystemClock clock;
        for (std::int64_t id = 1; !stopping_; ++id) {
          const Timestamp asked = clock.now();
          if (!insert_row_(id)) {
            clock.sleep_for(std::chrono::milliseconds(20));
            continue;
          }
          const std::lock_guard lock(mutex_);
          rows_.push_back({id, asked, clock.now()});
        }
      }) {}

void AcknowledgedWrites::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

std::vector<AcknowledgedRow> AcknowledgedWrites::acknowledged() const {
  const std::lock_guard lock(mutex_);
  return rows_;
}

std::size_t AcknowledgedWrites::count() const {
  const std::lock_guard lock(mutex_);
  return rows_.size();
}

std::vector<std::int64_t> AcknowledgedWrites::before(Timestamp moment) const {
  std::vector<std::int64_t> out;
  for (const auto& row : acknowledged()) {
    if (row.acknowledged_at < moment) out.push_back(row.id);
  }
  return out;
}

std::vector<std::int64_t> AcknowledgedWrites::after(Timestamp moment) const {
  std::vector<std::int64_t> out;
  for (const auto& row : acknowledged()) {
    if (row.asked_at > moment) out.push_back(row.id);
  }
  return out;
}

}  // namespace holdfast
