#pragma once
// A writer that remembers exactly what was acknowledged to it, and when.
#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "shared/base/time.h"

namespace holdfast {

struct AcknowledgedRow {
  std::int64_t id = 0;
  Timestamp asked_at;         // before the COMMIT was sent
  Timestamp acknowledged_at;  // after it was answered
};

// Inserts rows 1, 2, 3 ... through `insert_row` on a thread of its own until stopped; a failed insert is tried again
// with the next id, so ids may have holes but what is in acknowledged() is committed.
class AcknowledgedWrites {
 public:
  using InsertRow = std::function<bool(std::int64_t id)>;
  explicit AcknowledgedWrites(InsertRow insert_row);
  ~AcknowledgedWrites() { stop(); }
  AcknowledgedWrites(const AcknowledgedWrites&) = delete;
  AcknowledgedWrites& operator=(const AcknowledgedWrites&) = delete;

  void stop();
  std::vector<AcknowledgedRow> acknowledged() const;
  std::size_t count() const;
  // Ids that were acknowledged before `moment`, and those asked for after it: the first must be found in what was
  // restored to that moment, the second must not.
  std::vector<std::int64_t> before(Timestamp moment) const;
  std::vector<std::int64_t> after(Timestamp moment) const;

 private:
  InsertRow insert_row_;
  std::atomic<bool> stopping_{false};
  mutable std::mutex mutex_;
  std::vector<AcknowledgedRow> rows_;
  std::thread thread_;
};

}  // namespace holdfast
