#pragma once
// A cron line as sets of numbers: "minute hour day-of-month month day-of-week", or @hourly, @daily, @weekly, @monthly,
// @yearly.
#include <bitset>
#include <string>
#include <string_view>

#include "shared/base/result.h"

namespace holdfast {

struct CronSchedule {
  std::bitset<60> minutes;
  std::bitset<24> hours;
  std::bitset<32> days;     // of the month, 1 to 31
  std::bitset<13> months;   // 1 to 12
  std::bitset<7> weekdays;  // 0 is Sunday
  // Whether the field began with '*'. When neither day field did, a day needs to match only one of the two: "0 0 1 * 1"
  // is the first of the month and every Monday. That is Vixie cron's rule, which people expect.
  bool every_day = true;
  bool every_weekday = true;

  bool matches_day(unsigned month, unsigned day, unsigned weekday) const;
  friend bool operator==(const CronSchedule&, const CronSchedule&) = default;
};

// Lists, ranges, steps ("*/5", "8-18/2") and English names of months and weekdays; 7 is Sunday too. Code::invalid names
// the field for everything else, also for values out of range and ranges that run backwards.
Result<CronSchedule> parse_cron(std::string_view line);

}  // namespace holdfast
