#include "shared/schedule/timetable.h"

#include <gtest/gtest.h>

#include <set>

namespace holdfast {
namespace {

DatabaseId database(std::uint8_t seed) {
  std::array<std::uint8_t, 16> bytes{};
  bytes[15] = seed;
  return DatabaseId(bytes);
}

struct Case {
  const char* name;
  const char* line;
  const char* zone;
  const char* after;
  std::vector<const char*> runs;  // in a row
};

class NextRun : public testing::TestWithParam<Case> {};

TEST_P(NextRun, Follows) {
  const auto schedule = parse_cron(GetParam().line);
  ASSERT_TRUE(schedule);
  Timestamp after = *parse_time(GetParam().after);
  for (const char* expected : GetParam().runs) {
    const auto run = next_run(*schedule, GetParam().zone, Micros(0), DatabaseId{}, after);
    ASSERT_TRUE(run) << run.error().text();
    ASSERT_TRUE(*run);
    EXPECT_EQ(to_rfc3339(**run), expected);
    after = **run;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Timetable, NextRun,
    testing::Values(
        Case{"DailyInUtc", "@daily", "UTC", "2026-11-21T00:00:00Z", {"2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z"}},
        Case{"JustBefore", "@daily", "UTC", "2026-11-20T23:59:59.999999Z", {"2026-11-21T00:00:00Z"}},
        Case{"BerlinWinter", "0 1 * * 0", "Europe/Berlin", "2026-11-21T12:00:00Z", {"2026-11-22T00:00:00Z"}},
        Case{"BerlinSummer", "0 1 * * 0", "Europe/Berlin", "2026-07-01T12:00:00Z", {"2026-07-04T23:00:00Z"}},
        // Berlin skips 02:00-03:00 on 29 March 2026 (01:00 UTC) and repeats it on 25 October 2026.
        Case{"SkippedTimeRunsOnceAfterTheGap",
             "30 2 * * *",
             "Europe/Berlin",
             "2026-03-28T00:00:00Z",
             {"2026-03-28T01:30:00Z", "2026-03-29T01:00:00Z", "2026-03-30T00:30:00Z"}},
        Case{"ManySkippedTimesRunOnce",
             "*/30 2,3 * * *",
             "Europe/Berlin",
             "2026-03-29T00:00:00Z",
             {"2026-03-29T01:00:00Z", "2026-03-29T01:30:00Z", "2026-03-30T00:00:00Z"}},
        Case{"DoubledTimeRunsTheFirstTime",
             "30 2 * * *",
             "Europe/Berlin",
             "2026-10-24T12:00:00Z",
             {"2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"}},
        Case{"AskedInTheSecondPassOfADoubledHour",
             "45 2 * * *",
             "Europe/Berlin",
             "2026-10-25T01:10:00Z",
             {"2026-10-26T01:45:00Z"}},
        Case{"GapAtMidnight", "@daily", "America/Sao_Paulo", "2018-11-03T12:00:00Z", {"2018-11-04T03:00:00Z"}},
        Case{"HalfHourShift",
             "15 2 * * *",
             "Australia/Lord_Howe",
             "2026-10-03T00:00:00Z",
             {"2026-10-03T15:30:00Z", "2026-10-04T15:15:00Z"}},
        Case{"ADayThatNeverWas",
             "0 12 * * *",
             "Pacific/Apia",
             "2011-12-29T23:00:00Z",
             {"2011-12-30T10:00:00Z", "2011-12-30T22:00:00Z"}},
        Case{"QuarterHourZone", "0 6 * * *", "Asia/Kathmandu", "2026-01-01T00:10:00Z", {"2026-01-01T00:15:00Z"}},
        Case{"LeapDay", "0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", {"2104-02-29T00:00:00Z"}},
        Case{
            "LastDays", "0 0 31 * *", "UTC", "2026-01-31T00:00:00Z", {"2026-03-31T00:00:00Z", "2026-05-31T00:00:00Z"}}),
    [](const auto& tested) { return tested.param.name; });

TEST(Timetable, SaysThatASchedulesNeverComesUp) {
  const auto run =
      next_run(*parse_cron("0 0 30 2 *"), "UTC", Micros(0), DatabaseId{}, *parse_time("2026-01-01T00:00:00Z"));
  ASSERT_TRUE(run);
  EXPECT_FALSE(run->has_value());
}

TEST(Timetable, RefusesAnUnknownZone) {
  for (const char* zone : {"Europe/Atlantis", "", "../etc/passwd", "europe/berlin"}) {
    ASSERT_FALSE(check_zone(zone)) << zone;
    EXPECT_EQ(check_zone(zone).error().code, Code::invalid);
  }
  EXPECT_TRUE(check_zone("Europe/Berlin"));
}

TEST(Splay, StaysBelowItsWidthAndSpreadsDatabases) {
  const Micros width = std::chrono::minutes(30);
  std::set<std::int64_t> minutes;
  for (int i = 0; i < 200; ++i) {
    const Micros offset = splay_of(database(static_cast<std::uint8_t>(i)), width);
    EXPECT_GE(offset.count(), 0);
    EXPECT_LT(offset, width);
    minutes.insert(offset.count() / 60'000'000);
  }
  EXPECT_GT(minutes.size(), 25U);
}

// A change of this number would move every start of a fleet on upgrade.
TEST(Splay, IsTheSameInEveryVersion) {
  EXPECT_EQ(splay_of(database(1), std::chrono::hours(1)).count(), 3106282135);
}

TEST(Splay, ShiftsEveryRunAndLosesNone) {
  const Micros width = std::chrono::hours(3);
  const auto schedule = parse_cron("0 * * * *");
  const Micros offset = splay_of(database(9), width);
  Timestamp after = *parse_time("2026-11-21T00:00:00Z") + offset;
  for (int i = 1; i <= 5; ++i) {
    const auto run = next_run(*schedule, "UTC", width, database(9), after);
    EXPECT_EQ(**run - *parse_time("2026-11-21T00:00:00Z"), Micros(std::chrono::hours(i)) + offset);
    after = **run;
  }
}

}  // namespace
}  // namespace holdfast
