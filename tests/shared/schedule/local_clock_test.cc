#include "shared/schedule/local_clock.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

std::int64_t day(const std::string& zone, const char* time) {
  return LocalClock::of(zone)->day(*parse_time(time));
}

TEST(LocalClock, BeginsADayAtItsZonesMidnight) {
  EXPECT_EQ(day("UTC", "1970-01-01T23:59:59Z"), 0);
  EXPECT_EQ(day("UTC", "1969-12-31T23:59:59Z"), -1);
  EXPECT_EQ(day("Europe/Berlin", "1970-01-01T22:59:59Z"), 0);
  EXPECT_EQ(day("Europe/Berlin", "1970-01-01T23:00:00Z"), 1);
  EXPECT_EQ(day("America/New_York", "1970-01-02T04:59:59Z"), 0);
}

TEST(LocalClock, FollowsDaylightSaving) {
  EXPECT_EQ(day("Europe/Berlin", "2026-07-09T22:00:00Z"), day("Europe/Berlin", "2026-07-10T12:00:00Z"));
  EXPECT_NE(day("Europe/Berlin", "2026-01-09T22:00:00Z"), day("Europe/Berlin", "2026-01-10T12:00:00Z"));
}

TEST(LocalClock, KnowsNoOtherZones) {
  const auto clock = LocalClock::of("Mars/Base");
  ASSERT_FALSE(clock);
  EXPECT_EQ(clock.error().code, Code::invalid);
}

}  // namespace
}  // namespace holdfast
