#pragma once
// Internal to this folder: instants of a time zone's clocks. date's zone tables stop here.
#include <date/tz.h>

#include <string>

#include "shared/base/result.h"

namespace holdfast {

// Lives as long as the program. Code::invalid: not an IANA zone that this machine knows.
Result<const date::time_zone*> find_zone(const std::string& zone);

// The instant at which a clock in the zone first shows `local`, or would have shown it.
date::sys_seconds instant_of(const date::time_zone& zone, date::local_seconds local);

}  // namespace holdfast
