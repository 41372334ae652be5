#pragma once
// The next run of a schedule, as a pure function of its arguments and of the system's time zone tables.
#include <optional>
#include <string>

#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/schedule/cron.h"

namespace holdfast {

// Code::invalid unless it is an IANA zone that this machine knows ("Europe/Berlin", "UTC").
Result<> check_zone(const std::string& zone);

// Where in [0, splay) the runs of this database begin: the same on every machine and in every version.
Micros splay_of(DatabaseId database, Micros splay);

// The first run later than `after`: a time of the schedule in the zone's clock, plus the database's splay. nullopt: the
// schedule never comes up (30 February). Code::invalid: an unknown zone.
//
// Where clocks jump forward, the times that are skipped run once, at the first instant after the gap. Where they are
// set back, a time that comes twice runs the first time only.
Result<std::optional<Timestamp>> next_run(const CronSchedule& schedule, const std::string& zone, Micros splay,
                                          DatabaseId database, Timestamp after);

}  // namespace holdfast
