#include "shared/schedule/zone.h"

#include <fmt/format.h>

namespace holdfast {

// libdate-tz is built to read the system's tzdata and has no download in it (USE_OS_TZDB).
Result<const date::time_zone*> find_zone(const std::string& zone) {
  try {
    return date::locate_zone(zone);
  } catch (const std::exception&) {
    return fail(Code::invalid, fmt::format("\"{}\" is not a time zone", zone),
                "write an IANA name, for example Europe/Berlin or UTC");
  }
}

date::sys_seconds instant_of(const date::time_zone& zone, date::local_seconds local) {
  const date::local_info info = zone.get_info(local);
  if (info.result == date::local_info::nonexistent) return info.first.end;
  return date::sys_seconds(local.time_since_epoch() - info.first.offset);
}

}  // namespace holdfast
