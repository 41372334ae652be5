#pragma once
// The hours of a day in which something may begin, by the clocks of a time zone. Pure.
#include <string>
#include <string_view>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace holdfast {

// Minutes after midnight. `to` before `from`: it passes midnight. Never the same.
struct DailyWindow {
  int from = 0;
  int to = 0;
  friend bool operator==(const DailyWindow&, const DailyWindow&) = default;
};

// "22:00-06:00". Code::invalid for everything else.
Result<DailyWindow> parse_window(std::string_view text);

// One night of it: [begin, end).
struct Opening {
  Timestamp begin;
  Timestamp end;
  bool contains(Timestamp time) const { return begin <= time && time < end; }
};

// The one that contains `time`, else the next. Where clocks jump over an edge, the edge is the instant after the jump;
// where an hour comes twice, it is the first time. A night that a jump leaves nothing of is passed over. Code::invalid:
// an unknown zone.
Result<Opening> opening_at(const DailyWindow& window, const std::string& zone, Timestamp time);

}  // namespace holdfast
