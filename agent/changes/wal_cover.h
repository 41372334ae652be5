#pragma once
// Which intervals of known changes together tell everything between two places of a cluster's history. Pure.
#include <span>
#include <vector>

#include "agent/changes/change_interval.h"
#include "shared/postgres/timeline_history.h"

namespace holdfast {

struct WalPlace {
  Timeline timeline;
  Lsn lsn;
  friend bool operator==(const WalPlace&, const WalPlace&) = default;
};

// One stretch of the way and the intervals that touch it, ascending.
struct CoveredStretch {
  ChangeInterval stretch;
  std::vector<ChangeInterval> intervals;
};

// The way from `from` to `to` along the history, oldest stretch first; none when it is empty. An interval of a younger
// timeline counts for the time before that timeline began too: its log up to there is its parent's.
// Code::not_found: a place is not in the history, or no interval tells of a part of the way. Code::invalid: `to` comes
// before `from`. Both messages are fit to be shown as the reason for a full backup.
Result<std::vector<CoveredStretch>> cover(std::span<const ChangeInterval> known, const TimelineHistory& history,
                                          const WalPlace& from, const WalPlace& to);

}  // namespace holdfast
