#include "shared/schedule/daily_window.h"

#include <fmt/format.h>

#include <optional>

#include "shared/schedule/zone.h"

namespace holdfast {
namespace {

constexpr int minutes_a_day = 24 * 60;
// Two, if a jump of the clocks swallowed the one between.
constexpr int nights_to_look_at = 4;

// "06:00"; nullopt: not a time of day.
std::optional<int> minutes_of(std::string_view text) {
  const auto digit = [text](std::size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (text.size() != 5 || text[2] != ':' || !digit(0) || !digit(1) || !digit(3) || !digit(4)) return std::nullopt;
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (hour > 23 || minute > 59) return std::nullopt;
  return hour * 60 + minute;
}

Timestamp timestamp_of(date::sys_seconds instant) {
  return Timestamp::from_micros(Micros(instant.time_since_epoch()).count());
}

}  // namespace

Result<DailyWindow> parse_window(std::string_view text) {
  const std::size_t dash = text.find('-');
  if (dash != std::string_view::npos) {
    const auto from = minutes_of(text.substr(0, dash));
    const auto to = minutes_of(text.substr(dash + 1));
    if (from && to && *from != *to) return DailyWindow{*from, *to};
  }
  return fail(Code::invalid, fmt::format("must be two times such as 00:00-06:00, found \"{}\"", text));
}

Result<Opening> opening_at(const DailyWindow& window, const std::string& zone_name, Timestamp time) {
  const date::time_zone& zone = *TRY(find_zone(zone_name));
  const date::sys_time<Micros> instant{Micros(time.micros())};
  // The night before may last until now.
  date::local_days day = date::floor<date::days>(zone.to_local(instant)) - date::days(1);
  for (int night = 0; night < nights_to_look_at; ++night, day += date::days(1)) {
    const int length = (window.to - window.from + minutes_a_day) % minutes_a_day;
    const date::local_seconds from = day + std::chrono::minutes(window.from);
    const Opening opening{timestamp_of(instant_of(zone, from)),
                          timestamp_of(instant_of(zone, from + std::chrono::minutes(length)))};
    if (opening.begin < opening.end && time < opening.end) return opening;
  }
  return fail(Code::internal, fmt::format("no opening of the window within {} days", nights_to_look_at));
}

}  // namespace holdfast
