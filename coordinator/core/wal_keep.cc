#include "coordinator/core/wal_keep.h"

#include <algorithm>

#include "coordinator/core/retention_rules.h"

namespace holdfast {
namespace {

// The largest there is: rounding to it keeps too much and never too little.
constexpr std::uint64_t largest_segment = std::uint64_t{1} << 30U;

std::uint64_t segment_size_of(const std::vector<WalRange>& ranges) {
  std::uint64_t size = 0;
  for (const WalRange& range : ranges) {
    if (range.segment_size == 0) return largest_segment;
    size = std::max(size, range.segment_size);
  }
  return size == 0 ? largest_segment : size;
}

bool earlier_start(const Backup* a, const Backup* b) {
  return a->start_lsn < b->start_lsn;
}

using Kept = std::vector<const Backup*>;

// Whether the backup lies on the way to this timeline.
bool leads_to(const Backup& backup, Timeline timeline, const std::vector<TimelineChange>& switches) {
  Timeline at = timeline;
  std::optional<Lsn> until;
  while (at != backup.timeline) {
    const auto change = std::ranges::find(switches, at, &TimelineChange::timeline);
    if (change == switches.end() || change->parent >= at) return false;
    until = change->at;
    at = change->parent;
  }
  return !until || backup.stop_lsn <= *until;
}

// From which every moment of the window on this timeline can be reached: the newest good backup before the window on
// the way there. nullptr: there is none.
const Backup* base_of(Timeline timeline, const Kept& complete, const WalKeepInput& input) {
  const Timestamp begin = input.now - input.pitr;
  const Backup* base = nullptr;
  for (const Backup* backup : complete) {
    if (backup->finished_at > begin || !is_good(*backup)) continue;
    if (!leads_to(*backup, timeline, input.switches)) continue;
    if (base == nullptr || backup->finished_at > base->finished_at) base = backup;
  }
  return base;
}

// Timelines on which something may have been committed within the window. An agent that was not heard from lately may
// have more of the newest backup's; and one that just began may have no log in the stores yet.
std::set<Timeline> timelines_in_window(const Kept& complete, const WalKeepInput& input) {
  const Timestamp begin = input.now - input.pitr;
  std::set<Timeline> found;
  Timeline newest_known;
  for (const WalRange& range : input.ranges) {
    if (range.through_time.is_never() || range.through_time >= begin) found.insert(range.timeline);
    newest_known = std::max(newest_known, range.timeline);
  }
  for (const Backup* backup : complete) newest_known = std::max(newest_known, backup->timeline);
  for (const TimelineChange& change : input.switches) {
    if (change.timeline > newest_known) found.insert(change.timeline);
  }
  found.insert((*std::ranges::max_element(complete, {}, &Backup::finished_at))->timeline);
  return found;
}

// The backup from whose start on everything is kept.
const Backup* beginning(const Kept& complete, const WalKeepInput& input) {
  const Backup* oldest = *std::ranges::min_element(complete, earlier_start);
  if (input.pitr.count() <= 0) return oldest;
  const Timestamp begin = input.now - input.pitr;
  Kept needing;
  for (const Timeline timeline : timelines_in_window(complete, input)) {
    const Backup* base = base_of(timeline, complete, input);
    if (base == nullptr) return oldest;
    needing.push_back(base);
  }
  // Whatever timeline it is on, what came after the newest of these bases belongs to the window.
  const Backup* newest_base = *std::ranges::max_element(needing, {}, &Backup::finished_at);
  for (const Backup* backup : complete) {
    const bool inside = backup->finished_at > begin || backup->finished_at >= newest_base->finished_at;
    if (inside || input.needed.contains(backup->id)) needing.push_back(backup);
  }
  return *std::ranges::min_element(needing, earlier_start);
}

std::vector<KeptStretch> joined(std::vector<KeptStretch> stretches) {
  std::ranges::sort(stretches, {}, &KeptStretch::log);
  std::vector<KeptStretch> out;
  for (const KeptStretch& next : stretches) {
    if (out.empty() || out.back().log.last < next.log.first) {
      out.push_back(next);
    } else if (next.log.last > out.back().log.last) {
      out.back().log.last = next.log.last;
      out.back().through_time = std::max(out.back().through_time, next.through_time);
    }
  }
  return out;
}

}  // namespace

std::vector<LogStretch> WalKeep::stretches() const {
  std::vector<LogStretch> out;
  for (const KeptStretch& stretch : before) out.push_back(stretch.log);
  return out;
}

std::optional<WalKeep> wal_to_keep(const WalKeepInput& input) {
  Kept complete;
  for (const Backup* backup : input.backups) {
    if (backup->state == BackupState::complete) complete.push_back(backup);
  }
  if (complete.empty()) return std::nullopt;
  const Backup* first = beginning(complete, input);
  WalKeep keep{first->start_lsn, {}};
  for (const Backup* backup : input.backups) {
    // One that runs will need its own when it is complete. It says where it began as soon as it knows.
    if (backup->state != BackupState::running || backup->start_lsn == Lsn()) continue;
    keep.keep_from = std::min(keep.keep_from, backup->start_lsn);
  }
  const std::uint64_t size = segment_size_of(input.ranges);
  const auto segment_of = [size](Lsn position) { return position.value() / size * size; };
  keep.keep_from = Lsn(segment_of(keep.keep_from));
  for (const Backup* backup : complete) {
    const Lsn begins(segment_of(backup->start_lsn));
    if (begins >= keep.keep_from) continue;
    // With the segment in which it ends, and the one after it when it ends with a segment.
    const Lsn ends(segment_of(backup->stop_lsn) + size);
    keep.before.push_back({{begins, std::min(ends, keep.keep_from)}, backup->started_at});
  }
  keep.before = joined(std::move(keep.before));
  return keep;
}

std::vector<WalRange> cut_wal_ranges(const std::vector<WalRange>& ranges, const WalKeep& keep) {
  std::vector<WalRange> out;
  for (const WalRange& range : ranges) {
    Lsn from = keep.keep_from;
    for (const KeptStretch& stretch : keep.before) {
      if (stretch.log.last == keep.keep_from) {
        from = stretch.log.first;  // one with what follows
        continue;
      }
      WalRange part = range;
      part.first = std::max(range.first, stretch.log.first);
      part.last = std::min(range.last, stretch.log.last);
      if (part.last != range.last) part.through_time = std::min(range.through_time, stretch.through_time);
      if (part.first < part.last) out.push_back(part);
    }
    WalRange rest = range;
    rest.first = std::max(range.first, from);
    if (rest.first < rest.last) out.push_back(rest);
  }
  return out;
}

}  // namespace holdfast
