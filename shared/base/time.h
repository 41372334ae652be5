#pragma once
// Points in time as they are stored and sent: microseconds since 1970-01-01 UTC.
#include <chrono>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace holdfast {

using Micros = std::chrono::duration<std::int64_t, std::micro>;

class Timestamp {
 public:
  constexpr Timestamp() = default;  // "never"
  static constexpr Timestamp from_micros(std::int64_t us) {
    Timestamp t;
    t.us_ = us;
    return t;
  }
  constexpr std::int64_t micros() const { return us_; }
  constexpr bool is_never() const { return us_ == 0; }
  friend constexpr auto operator<=>(const Timestamp&, const Timestamp&) = default;
  friend constexpr Timestamp operator+(Timestamp t, Micros d) { return from_micros(t.us_ + d.count()); }
  friend constexpr Timestamp operator-(Timestamp t, Micros d) { return from_micros(t.us_ - d.count()); }
  friend constexpr Micros operator-(Timestamp a, Timestamp b) { return Micros(a.us_ - b.us_); }

 private:
  std::int64_t us_ = 0;
};

// RFC 3339 in UTC with microseconds when they are not zero: "2026-11-21T01:10:46.123456Z".
std::string to_rfc3339(Timestamp time);
// RFC 3339 with Z or an offset, 'T' or a space; without an offset it is UTC. Code::invalid names the text.
Result<Timestamp> parse_time(std::string_view text);

// "250ms", "10s", "5m", "24h", "7d"; a bare number is refused. Code::invalid names the text.
Result<Micros> parse_duration(std::string_view text);
// The largest unit that divides it: "10s", "90s", "24h", "7d".
std::string to_text(Micros duration);

}  // namespace holdfast
