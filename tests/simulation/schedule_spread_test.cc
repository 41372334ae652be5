// Daily backups of many databases do not begin in one minute.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <vector>

#include "shared/fleet/backup_runs.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

TEST(StartSpread, FiveHundredDailyBackupsOverHalfAnHourAreNoStampede) {
  constexpr std::size_t databases = 500;
  constexpr std::size_t minutes = 30;
  SeededEntropy entropy(1);
  Policy policy;
  policy.full = "0 1 * * *";
  policy.splay = std::chrono::minutes(minutes);
  const Timestamp evening = parse_time("2026-03-01T20:00:00Z").value();
  const Timestamp one = parse_time("2026-03-02T01:00:00Z").value();
  std::vector<std::size_t> per_minute(minutes, 0);
  for (std::size_t i = 0; i < databases; ++i) {
    const auto run = next_backup_run(policy, entropy.id<DatabaseId>(), evening);
    ASSERT_TRUE(run && *run);
    const auto minute = std::chrono::floor<std::chrono::minutes>((*run)->at - one).count();
    ASSERT_GE(minute, 0);
    ASSERT_LT(minute, static_cast<std::int64_t>(minutes));
    ++per_minute.at(static_cast<std::size_t>(minute));
  }
  const auto [least, most] = std::ranges::minmax(per_minute);
  std::cout << databases << " backups over " << minutes << " minutes: " << least << " to " << most << " a minute\n";
  EXPECT_LE(most, 2 * databases / minutes) << "twice the average";
  EXPECT_GT(least, 0U);
}

}  // namespace
}  // namespace holdfast
