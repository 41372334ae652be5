#include "shared/base/time.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

struct TimeCase {
  const char* name;
  const char* text;
  const char* utc;
};
class TimeTexts : public testing::TestWithParam<TimeCase> {};
TEST_P(TimeTexts, AreRead) {
  EXPECT_EQ(to_rfc3339(parse_time(GetParam().text).value()), GetParam().utc);
}
INSTANTIATE_TEST_SUITE_P(
    Table, TimeTexts,
    testing::Values(TimeCase{"Utc", "2026-11-21T01:10:46Z", "2026-11-21T01:10:46Z"},
                    TimeCase{"WithoutZoneIsUtc", "2026-11-21 01:10:46", "2026-11-21T01:10:46Z"},
                    TimeCase{"Offset", "2026-11-21T02:10:46+01:00", "2026-11-21T01:10:46Z"},
                    TimeCase{"WestOfGreenwich", "2026-11-20T20:10:46.5-05:00", "2026-11-21T01:10:46.500000Z"},
                    TimeCase{"PostgresStyle", "2026-11-21 01:10:46.123456+00", "2026-11-21T01:10:46.123456Z"},
                    TimeCase{"LeapDay", "2028-02-29T00:00:00Z", "2028-02-29T00:00:00Z"},
                    TimeCase{"BeforeTheEpoch", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"}),
    [](const auto& row) { return row.param.name; });

class BadTimes : public testing::TestWithParam<const char*> {};
TEST_P(BadTimes, AreRefusedByName) {
  EXPECT_THAT(parse_time(GetParam()), FailedWith(Code::invalid, GetParam()));
}
INSTANTIATE_TEST_SUITE_P(Texts, BadTimes,
                         testing::Values("yesterday", "2026-11-21", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z",
                                         "2026-11-21T25:00:00Z", "2026-11-21T01:10:46Zx", "2026-11-21T01:10:46."));

TEST(Durations, AreReadWithTheirUnit) {
  EXPECT_EQ(parse_duration("250ms").value().count(), 250'000);
  EXPECT_EQ(parse_duration("24h").value(), parse_duration("1d").value());
  for (const char* bad : {"", "5", "h", "-1s", "1.5h", "10 s", "9999999999999d"}) {
    EXPECT_THAT(parse_duration(bad), FailedWith(Code::invalid)) << bad;
  }
}

TEST(Durations, AreWrittenInTheLargestUnitThatFits) {
  EXPECT_EQ(to_text(std::chrono::hours(24)), "24h");
  EXPECT_EQ(to_text(std::chrono::hours(7 * 24)), "7d");
  EXPECT_EQ(to_text(std::chrono::seconds(90)), "90s");
  EXPECT_EQ(to_text(Micros(0)), "0s");
}

}  // namespace
}  // namespace holdfast
