#pragma once
// Log of one timeline that is of no use any more.
#include <algorithm>
#include <vector>

#include "shared/postgres/wal_position.h"

namespace holdfast {

struct LogStretch {
  Lsn first;
  Lsn last;  // exclusive
  friend auto operator<=>(const LogStretch&, const LogStretch&) = default;
};

struct ReleasedLog {
  Timeline timeline;
  Lsn keep_from;                 // what ends at or before it was released,
  std::vector<LogStretch> kept;  // but for what has a part in one of these: in order, and nowhere touching
  friend auto operator<=>(const ReleasedLog&, const ReleasedLog&) = default;

  // Whether an object from `first` up to `last` is no longer needed.
  bool takes(Lsn first, Lsn last) const {
    if (last > keep_from) return false;
    return std::ranges::none_of(kept, [&](const LogStretch& part) { return first < part.last && part.first < last; });
  }
};

}  // namespace holdfast
