#include "shared/schedule/daily_window.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

TEST(DailyWindow, IsTwoTimesOfDay) {
  EXPECT_EQ(parse_window("00:00-06:00").value(), (DailyWindow{0, 360}));
  EXPECT_EQ(parse_window("22:30-05:59").value(), (DailyWindow{1350, 359}));
  for (const char* text : {"", "-", "00:00", "00:00-00:00", "0:00-06:00", "00:00-24:00", "00:60-06:00", "00:00 06:00",
                           "00:00-06:00 ", "aa:00-06:00", "00:00-06:00-07:00"}) {
    EXPECT_THAT(parse_window(text), FailedWith(Code::invalid, "two times")) << text;
  }
}

struct Case {
  const char* name;
  const char* window;
  const char* zone;
  const char* at;
  const char* begin;
  const char* end;
};

class WindowOpens : public testing::TestWithParam<Case> {};

TEST_P(WindowOpens, Then) {
  const auto window = parse_window(GetParam().window).value();
  const Timestamp at = parse_time(GetParam().at).value();
  const Opening opening = opening_at(window, GetParam().zone, at).value();
  EXPECT_EQ(to_rfc3339(opening.begin), GetParam().begin);
  EXPECT_EQ(to_rfc3339(opening.end), GetParam().end);
}

// Berlin skips 02:00-03:00 on 29 March 2026 (01:00 UTC) and repeats it on 25 October 2026.
INSTANTIATE_TEST_SUITE_P(DailyWindow, WindowOpens,
                         testing::Values(Case{"Before", "01:00-05:00", "UTC", "2026-05-01T00:59:59Z",
                                              "2026-05-01T01:00:00Z", "2026-05-01T05:00:00Z"},
                                         Case{"AtItsBegin", "01:00-05:00", "UTC", "2026-05-01T01:00:00Z",
                                              "2026-05-01T01:00:00Z", "2026-05-01T05:00:00Z"},
                                         Case{"Within", "01:00-05:00", "UTC", "2026-05-01T04:59:59Z",
                                              "2026-05-01T01:00:00Z", "2026-05-01T05:00:00Z"},
                                         Case{"AtItsEnd", "01:00-05:00", "UTC", "2026-05-01T05:00:00Z",
                                              "2026-05-02T01:00:00Z", "2026-05-02T05:00:00Z"},
                                         Case{"OverMidnightInTheMorning", "22:00-06:00", "UTC", "2026-05-01T03:00:00Z",
                                              "2026-04-30T22:00:00Z", "2026-05-01T06:00:00Z"},
                                         Case{"OverMidnightInTheEvening", "22:00-06:00", "UTC", "2026-05-01T23:00:00Z",
                                              "2026-05-01T22:00:00Z", "2026-05-02T06:00:00Z"},
                                         Case{"ByTheClocksOfItsZone", "01:00-05:00", "Europe/Berlin",
                                              "2026-05-01T00:00:00Z", "2026-04-30T23:00:00Z", "2026-05-01T03:00:00Z"},
                                         Case{"ShorterInTheNightOfSpring", "01:00-05:00", "Europe/Berlin",
                                              "2026-03-29T00:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T03:00:00Z"},
                                         Case{"BeginsAfterTheGap", "02:30-05:00", "Europe/Berlin",
                                              "2026-03-28T20:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"},
                                         Case{"PassesOverANightOfWhichNothingIsLeft", "02:10-02:50", "Europe/Berlin",
                                              "2026-03-28T20:00:00Z", "2026-03-30T00:10:00Z", "2026-03-30T00:50:00Z"},
                                         Case{"BeginsTheFirstTimeInAutumn", "02:30-05:00", "Europe/Berlin",
                                              "2026-10-24T20:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T04:00:00Z"}),
                         [](const auto& one) { return one.param.name; });

TEST(DailyWindow, RefusesAnUnknownZone) {
  EXPECT_THAT(opening_at({0, 60}, "Mars/Olympus", Timestamp()), FailedWith(Code::invalid));
}

}  // namespace
}  // namespace holdfast
