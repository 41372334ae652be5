#include "coordinator/core/wal_ranges.h"

#include <algorithm>
#include <map>

namespace holdfast {
namespace {

bool touches(const WalRange& a, const WalRange& b) {
  return a.timeline == b.timeline && a.first <= b.last && b.first <= a.last;
}

Timestamp earlier_known(Timestamp a, Timestamp b) {
  if (a.is_never()) return b;
  if (b.is_never()) return a;
  return std::min(a, b);
}

// `into` takes over `other`, which it touches.
void absorb(WalRange& into, const WalRange& other) {
  if (other.first < into.first) {
    into.first = other.first;
    into.from_time = other.from_time;
  } else if (other.first == into.first) {
    into.from_time = earlier_known(into.from_time, other.from_time);
  }
  if (other.last > into.last) {
    into.last = other.last;
    into.through_time = std::max(into.through_time, other.through_time);
  } else if (other.last == into.last) {
    into.through_time = std::max(into.through_time, other.through_time);  // idle: time passes, nothing is written
  }
  if (into.segment_size == 0) into.segment_size = other.segment_size;
}

const WalRange* range_at(const std::vector<WalRange>& ranges, Timeline timeline, Lsn lsn) {
  const WalRange* best = nullptr;
  for (const WalRange& range : ranges) {
    // Its end counts too: nothing was written behind it yet.
    if (range.timeline == timeline && range.first <= lsn && lsn <= range.last) {
      if (best == nullptr || range.last > best->last) best = &range;
    }
  }
  return best;
}

}  // namespace

void merge_wal_range(std::vector<WalRange>& ranges, const WalRange& more) {
  WalRange merged = more;
  for (const WalRange& range : ranges) {
    if (!touches(range, merged)) continue;
    WalRange both = range;
    absorb(both, merged);
    merged = both;
  }
  std::erase_if(ranges, [&merged](const WalRange& range) { return touches(range, merged); });
  const auto at = std::find_if(ranges.begin(), ranges.end(), [&merged](const WalRange& range) {
    return std::pair(range.timeline, range.first) > std::pair(merged.timeline, merged.first);
  });
  ranges.insert(at, merged);
}

std::optional<std::vector<TimelineStep>> timeline_path(const std::vector<TimelineChange>& switches, Timeline from,
                                                       Timeline to) {
  std::vector<TimelineStep> path = {{to, std::nullopt}};
  Timeline at = to;
  while (at != from) {
    const auto change =
        std::find_if(switches.begin(), switches.end(), [at](const auto& entry) { return entry.timeline == at; });
    // Parents are always older, so this ends.
    if (change == switches.end() || change->parent >= at) return std::nullopt;
    at = change->parent;
    path.push_back({at, change->at});
  }
  std::reverse(path.begin(), path.end());
  return path;
}

WalReach follow_wal(const std::vector<WalRange>& ranges, const std::vector<TimelineStep>& path, Lsn start) {
  WalReach reach;
  reach.timeline = path.front().timeline;
  reach.lsn = start;
  for (const TimelineStep& step : path) {
    const WalRange* range = range_at(ranges, step.timeline, reach.lsn);
    if (range == nullptr) return reach;
    reach.timeline = step.timeline;
    if (!step.until) {
      reach.lsn = range->last;
      reach.time = std::max(reach.time, range->through_time);
      reach.complete = true;
      return reach;
    }
    if (range->last < *step.until) {
      // The next timeline's first segment repeats the beginning of the one it was cut from, so it may go on from here.
      reach.lsn = range->last;
      reach.time = std::max(reach.time, range->through_time);
      continue;
    }
    // What this timeline had behind the switch is not part of the history, so its end's time says too much: take it
    // only when the timeline really ended there.
    reach.lsn = *step.until;
    if (range->last == *step.until) reach.time = std::max(reach.time, range->through_time);
  }
  return reach;
}

}  // namespace holdfast
