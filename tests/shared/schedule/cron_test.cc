#include "shared/schedule/cron.h"

#include <gmock/gmock.h>

#include <vector>

namespace holdfast {
namespace {

template <std::size_t N>
std::vector<int> members(const std::bitset<N>& set) {
  std::vector<int> out;
  for (std::size_t i = 0; i < N; ++i) {
    if (set[i]) out.push_back(static_cast<int>(i));
  }
  return out;
}

using testing::ElementsAre;

TEST(Cron, ReadsListsRangesStepsAndNames) {
  const auto schedule = parse_cron("*/20 8-18/5,23 1,15 JAN,nov-DEC mon-fri");
  ASSERT_TRUE(schedule) << schedule.error().text();
  EXPECT_THAT(members(schedule->minutes), ElementsAre(0, 20, 40));
  EXPECT_THAT(members(schedule->hours), ElementsAre(8, 13, 18, 23));
  EXPECT_THAT(members(schedule->days), ElementsAre(1, 15));
  EXPECT_THAT(members(schedule->months), ElementsAre(1, 11, 12));
  EXPECT_THAT(members(schedule->weekdays), ElementsAre(1, 2, 3, 4, 5));
}

TEST(Cron, TakesSevenForSunday) {
  EXPECT_THAT(members(parse_cron("0 0 * * 7")->weekdays), ElementsAre(0));
  EXPECT_THAT(members(parse_cron("0 0 * * 5-7")->weekdays), ElementsAre(0, 5, 6));
}

TEST(Cron, ReadsTheNamedSchedules) {
  EXPECT_EQ(*parse_cron("@hourly"), *parse_cron("0 * * * *"));
  EXPECT_EQ(*parse_cron("@daily"), *parse_cron("0 0 * * *"));
  EXPECT_EQ(*parse_cron("@weekly"), *parse_cron("0 0 * * sun"));
  EXPECT_EQ(*parse_cron("@monthly"), *parse_cron("0 0 1 * *"));
  EXPECT_EQ(*parse_cron(" @yearly "), *parse_cron("0 0 1 1 *"));
}

TEST(Cron, MatchesEitherDayFieldWhenBothAreRestricted) {
  const auto both = parse_cron("0 0 13 * fri");
  EXPECT_TRUE(both->matches_day(11, 13, 1));
  EXPECT_TRUE(both->matches_day(11, 20, 5));
  EXPECT_FALSE(both->matches_day(11, 21, 6));
}

TEST(Cron, MatchesBothDayFieldsWhenOneBeginsWithAStar) {
  const auto odd_mondays = parse_cron("0 0 */2 * mon");
  EXPECT_TRUE(odd_mondays->matches_day(11, 23, 1));
  EXPECT_FALSE(odd_mondays->matches_day(11, 16, 1));
  EXPECT_FALSE(odd_mondays->matches_day(11, 21, 6));
}

struct Malformed {
  const char* line;
  const char* complaint;
};

class MalformedCron : public testing::TestWithParam<Malformed> {};

TEST_P(MalformedCron, IsRefusedByField) {
  const auto schedule = parse_cron(GetParam().line);
  ASSERT_FALSE(schedule);
  EXPECT_EQ(schedule.error().code, Code::invalid);
  EXPECT_THAT(schedule.error().message, testing::HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Lines, MalformedCron,
    testing::Values(Malformed{"", "0 fields"}, Malformed{"* * * *", "4 fields"}, Malformed{"* * * * * *", "6 fields"},
                    Malformed{"60 * * * *", "\"60\" in the minute field"}, Malformed{"* 24 * * *", "the hour field"},
                    Malformed{"* * 0 * *", "the day-of-month field"}, Malformed{"* * 32 * *", "between 1 and 31"},
                    Malformed{"* * * 13 *", "the month field"}, Malformed{"* * * * 8", "the day-of-week field"},
                    Malformed{"* * * * fri-mon", "runs backwards"}, Malformed{"5/10 * * * *", "step without a range"},
                    Malformed{"*/0 * * * *", "step"}, Malformed{"*/ * * * *", "step"},
                    Malformed{"1,,2 * * * *", "empty item"}, Malformed{"1, * * * *", "empty item"},
                    Malformed{"-1 * * * *", "the minute field"}, Malformed{"1- * * * *", "the minute field"},
                    Malformed{"** * * * *", "the minute field"}, Malformed{"1x * * * *", "is not a number"},
                    Malformed{"* * * mon *", "the month field"}, Malformed{"@reboot", "unknown name"},
                    Malformed{"@Daily", "unknown name"}, Malformed{"99999999999 * * * *", "the minute field"}));

}  // namespace
}  // namespace holdfast
