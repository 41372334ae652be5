#include "agent/changes/wal_cover.h"

#include <algorithm>

namespace holdfast {
namespace {

Result<> check_place(const TimelineHistory& history, const WalPlace& place) {
  if (history.passes_through(place.timeline, place.lsn)) return {};
  return fail(Code::not_found, fmt::format("timeline {} at {} is not in the history of timeline {}", place.timeline,
                                           place.lsn, history.timeline()));
}

std::vector<ChangeInterval> stretches(const TimelineHistory& history, const WalPlace& from, const WalPlace& to) {
  std::vector<TimelineSwitch> legs = history.switches();
  legs.push_back({history.timeline(), to.lsn, {}});
  std::vector<ChangeInterval> out;
  Lsn at = from.lsn;
  for (const TimelineSwitch& leg : legs) {
    if (leg.parent > to.timeline) break;
    const Lsn end = leg.parent == to.timeline ? to.lsn : std::min(leg.at, to.lsn);
    if (at < end) out.push_back({leg.parent, at, end});
    at = std::max(at, end);
  }
  return out;
}

Result<CoveredStretch> cover_stretch(std::span<const ChangeInterval> known, const TimelineHistory& history,
                                     const ChangeInterval& stretch) {
  CoveredStretch covered{stretch, {}};
  for (const ChangeInterval& interval : known) {
    const bool tells = interval.timeline >= stretch.timeline && history.includes(interval.timeline);
    if (tells && interval.touches(stretch.from, stretch.to)) covered.intervals.push_back(interval);
  }
  std::ranges::sort(covered.intervals, {}, &ChangeInterval::from);
  Lsn at = stretch.from;
  const auto gap = [&](Lsn end) {
    return fail(Code::not_found,
                fmt::format("what changed from {} to {} on timeline {} is not known", at, end, stretch.timeline));
  };
  for (const ChangeInterval& interval : covered.intervals) {
    if (interval.from > at) return gap(interval.from);
    at = std::max(at, interval.to);
  }
  if (at < stretch.to) return gap(stretch.to);
  return covered;
}

}  // namespace

Result<std::vector<CoveredStretch>> cover(std::span<const ChangeInterval> known, const TimelineHistory& history,
                                          const WalPlace& from, const WalPlace& to) {
  TRY(check_place(history, from));
  TRY(check_place(history, to));
  if (to.lsn < from.lsn || to.timeline < from.timeline) {
    return fail(Code::invalid, fmt::format("{} on timeline {} comes before {} on timeline {}", to.lsn, to.timeline,
                                           from.lsn, from.timeline));
  }
  std::vector<CoveredStretch> out;
  for (const ChangeInterval& stretch : stretches(history, from, to)) {
    out.push_back(TRY(cover_stretch(known, history, stretch)));
  }
  return out;
}

}  // namespace holdfast
