#pragma once
// Stretches of durable WAL: merging what is reported, and following it from one point to another. Pure.
#include <optional>
#include <vector>

#include "shared/fleet/fleet.h"

namespace holdfast {

// Adds a stretch; what overlaps or touches on the same timeline becomes one. Ranges stay sorted.
void merge_wal_range(std::vector<WalRange>& ranges, const WalRange& more);

// The way of a history: on `timeline` until `until`, then on the next one.
struct TimelineStep {
  Timeline timeline;
  std::optional<Lsn> until;  // nullopt: the last step, no end
};
// From `from` along its descendants to `to`; nullopt: `to` does not descend from it.
std::optional<std::vector<TimelineStep>> timeline_path(const std::vector<TimelineChange>& switches, Timeline from,
                                                       Timeline to);

// How far the log goes without a gap, starting at `start` on the path's first timeline.
struct WalReach {
  Timeline timeline;  // where it ends
  Lsn lsn;
  Timestamp time;         // everything committed up to then is in it; never: nothing is known
  bool complete = false;  // it got onto the path's last timeline
};
WalReach follow_wal(const std::vector<WalRange>& ranges, const std::vector<TimelineStep>& path, Lsn start);

}  // namespace holdfast
