#pragma once
// How a timeline came to be: which stretches of WAL of which older timelines lead to it.
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/postgres/wal_position.h"

namespace holdfast {

struct TimelineSwitch {
  Timeline parent;  // the timeline that was left
  Lsn at;           // its first byte that does not belong to the history any more
  std::string reason;
  friend bool operator==(const TimelineSwitch&, const TimelineSwitch&) = default;
};

// The content of NNNNNNNN.history. Timeline 1 has no such file and no switches.
class TimelineHistory {
 public:
  TimelineHistory() : timeline_(1) {}
  // Without ancestors: timeline 1, or one whose history file is gone.
  explicit TimelineHistory(Timeline timeline) : timeline_(timeline) {}
  // Strict as the server: timelines must rise and stay below `timeline`; comments and blank lines are skipped.
  static Result<TimelineHistory> parse(Timeline timeline, std::string_view content);

  Timeline timeline() const { return timeline_; }
  const std::vector<TimelineSwitch>& switches() const { return switches_; }  // oldest first
  std::string format() const;

  // The timeline on which the byte at `lsn` was written.
  Timeline timeline_of(Lsn lsn) const;
  // Where this history left `timeline`; nullopt for the newest one and for timelines that are not in it.
  std::optional<Lsn> left_at(Timeline timeline) const;
  bool includes(Timeline timeline) const;
  // Whether the log of `timeline` up to `lsn` is part of this history, so that recovery can go on from there.
  bool passes_through(Timeline timeline, Lsn lsn) const;

 private:
  Timeline timeline_;
  std::vector<TimelineSwitch> switches_;
};

}  // namespace holdfast
