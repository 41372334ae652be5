#include "shared/schedule/timetable.h"

#include "shared/schedule/zone.h"

namespace holdfast {
namespace {

// 29 February can be eight years away (2096 to 2104).
constexpr int days_to_search = 9 * 366;

std::uint64_t mix(std::uint64_t value) {
  value ^= value >> 30U;
  value *= 0xbf58476d1ce4e5b9U;
  value ^= value >> 27U;
  value *= 0x94d049bb133111ebU;
  return value ^ (value >> 31U);
}

}  // namespace

Result<> check_zone(const std::string& zone) {
  (void)TRY(find_zone(zone));
  return {};
}

Micros splay_of(DatabaseId database, Micros splay) {
  if (splay.count() <= 0) return Micros(0);
  const std::uint64_t hash = mix(read_be<std::uint64_t>(database.bytes()) +
                                 mix(read_be<std::uint64_t>(database.bytes().subspan(8)) + 0x9e3779b97f4a7c15U));
  __extension__ using Wide = unsigned __int128;
  return Micros(static_cast<std::int64_t>((Wide(hash) * static_cast<std::uint64_t>(splay.count())) >> 64U));
}

Result<std::optional<Timestamp>> next_run(const CronSchedule& schedule, const std::string& zone_name, Micros splay,
                                          DatabaseId database, Timestamp after) {
  const date::time_zone& zone = *TRY(find_zone(zone_name));
  const Micros offset = splay_of(database, splay);
  const date::sys_time<Micros> past{Micros((after - offset).micros())};
  // Local time and instant rise together, whatever the clocks do, so nothing before `past`'s own local time can be due
  // after it.
  const auto local_past = date::floor<std::chrono::minutes>(zone.to_local(past));
  date::local_days day = date::floor<date::days>(local_past);
  for (int i = 0; i < days_to_search; ++i, day += date::days(1)) {
    const date::year_month_day calendar(day);
    const date::weekday weekday(day);
    if (!schedule.matches_day(unsigned(calendar.month()), unsigned(calendar.day()), weekday.c_encoding())) continue;
    for (int hour = 0; hour < 24; ++hour) {
      if (!schedule.hours[static_cast<std::size_t>(hour)]) continue;
      for (int minute = 0; minute < 60; ++minute) {
        if (!schedule.minutes[static_cast<std::size_t>(minute)]) continue;
        const date::local_seconds local = day + std::chrono::hours(hour) + std::chrono::minutes(minute);
        if (local < local_past) continue;
        const date::sys_seconds instant = instant_of(zone, local);
        if (instant <= past) continue;
        return Timestamp::from_micros(Micros(instant.time_since_epoch()).count()) + offset;
      }
    }
  }
  return std::optional<Timestamp>();
}

}  // namespace holdfast
