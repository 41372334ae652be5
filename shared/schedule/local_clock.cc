#include "shared/schedule/local_clock.h"

#include <date/tz.h>

#include "shared/schedule/timetable.h"

namespace holdfast {

Result<LocalClock> LocalClock::of(const std::string& zone) {
  TRY(check_zone(zone));
  return LocalClock(zone == "UTC" ? nullptr : date::locate_zone(zone));
}

std::int64_t LocalClock::day(Timestamp time) const {
  const date::sys_time<Micros> instant{Micros(time.micros())};
  if (zone_ == nullptr) return date::floor<date::days>(instant).time_since_epoch().count();
  return date::floor<date::days>(zone_->to_local(instant)).time_since_epoch().count();
}

}  // namespace holdfast
