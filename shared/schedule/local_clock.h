#pragma once
// What a clock on the wall of a time zone shows, as a pure function of the instant and of the system's zone tables.
#include <cstdint>
#include <string>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace date {
class time_zone;
}

namespace holdfast {

class LocalClock {
 public:
  static LocalClock utc() { return LocalClock(nullptr); }
  // An IANA zone. Code::invalid: this machine does not know it.
  static Result<LocalClock> of(const std::string& zone);

  // Days since 1970-01-01 of the zone's calendar: a day begins at its midnight.
  std::int64_t day(Timestamp time) const;

 private:
  explicit LocalClock(const date::time_zone* zone) : zone_(zone) {}
  const date::time_zone* zone_;  // lives as long as the program; nullptr: UTC
};

}  // namespace holdfast
