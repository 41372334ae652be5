// What people write into policies, run day by day as it would be in life, and what is left of the backups then.
#include "shared/base/time.h"
#include "tests/coordinator/core/retention_scene.h"

namespace holdfast {
namespace {

// Backups every `every` from `begin` to `end`, retention after every so many, and after the last.
Scene lived(Policy policy, const char* begin, const char* end, Micros every, std::uint32_t run_after = 1) {
  Scene scene;
  policy.name = "seed";
  scene.rules.policy = std::move(policy);
  scene.rules.database_name = "orders";
  std::uint32_t number = 0;
  for (Timestamp now = *parse_time(begin); now <= *parse_time(end); now = now + every) {
    scene.backups.push_back(complete_backup(++number, now));
    scene.rules.now = now;
    if (number % run_after == 0) scene.run();
  }
  scene.run();
  return scene;
}

// "2026-02-16T03 reason; reason", newest first.
std::vector<std::string> table(const Scene& scene) {
  std::vector<std::string> lines;
  for (const auto& decision : scene.decide()) {
    std::string reasons;
    for (const auto& reason : decision.reasons) reasons += (reasons.empty() ? "" : "; ") + reason;
    lines.push_back(to_rfc3339(decision.finished_at).substr(0, 13) + "  " + reasons);
  }
  return lines;
}
using Table = std::vector<std::string>;

// Of one rule: how many it keeps, the newest and the oldest of them.
std::string by_rule(const Scene& scene, const std::string& rule) {
  std::vector<std::string> found;
  for (const std::string& line : table(scene)) {
    if (line.find(rule) != std::string::npos) found.push_back(line.substr(0, 13));
  }
  return found.empty() ? "none" : fmt::format("{}: {} to {}", found.size(), found.front(), found.back());
}

TEST(RetentionSeed, SevenDailyFourWeeklyTwelveMonthly) {
  Policy policy;
  policy.daily = 7;
  policy.weekly = 4;
  policy.monthly = 12;
  EXPECT_EQ(table(lived(policy, "2024-12-01T03:00:00Z", "2026-02-18T03:00:00Z", std::chrono::hours(24))),
            (Table{
                "2026-02-18T03  daily 1 of 7; weekly 1 of 4; monthly 1 of 12; the last good backup",
                "2026-02-17T03  daily 2 of 7",
                "2026-02-16T03  daily 3 of 7",
                "2026-02-15T03  daily 4 of 7; weekly 2 of 4",
                "2026-02-14T03  daily 5 of 7",
                "2026-02-13T03  daily 6 of 7",
                "2026-02-12T03  daily 7 of 7",
                "2026-02-08T03  weekly 3 of 4",
                "2026-02-01T03  weekly 4 of 4",
                "2026-01-31T03  monthly 2 of 12",
                "2025-12-31T03  monthly 3 of 12",
                "2025-11-30T03  monthly 4 of 12",
                "2025-10-31T03  monthly 5 of 12",
                "2025-09-30T03  monthly 6 of 12",
                "2025-08-31T03  monthly 7 of 12",
                "2025-07-31T03  monthly 8 of 12",
                "2025-06-30T03  monthly 9 of 12",
                "2025-05-31T03  monthly 10 of 12",
                "2025-04-30T03  monthly 11 of 12",
                "2025-03-31T03  monthly 12 of 12",
            }));
}

TEST(RetentionSeed, ThirtyDaysAndAtMostSeven) {
  Policy policy;
  policy.days = 30;
  policy.max_backups = 7;
  // Once a day: the seven newest. Once a week: those of thirty days. A server that was off for long: its last one.
  const std::string young = "younger than 30 days";
  EXPECT_EQ(table(lived(policy, "2026-01-01T03:00:00Z", "2026-02-18T03:00:00Z", std::chrono::hours(24))),
            (Table{"2026-02-18T03  " + young + "; the last good backup", "2026-02-17T03  " + young,
                   "2026-02-16T03  " + young, "2026-02-15T03  " + young, "2026-02-14T03  " + young,
                   "2026-02-13T03  " + young, "2026-02-12T03  " + young}));
  Scene weekly = lived(policy, "2025-10-01T03:00:00Z", "2026-02-18T03:00:00Z", std::chrono::hours(7 * 24));
  EXPECT_EQ(table(weekly), (Table{"2026-02-18T03  " + young + "; the last good backup", "2026-02-11T03  " + young,
                                  "2026-02-04T03  " + young, "2026-01-28T03  " + young, "2026-01-21T03  " + young}));
  weekly.rules.now = *parse_time("2026-06-01T00:00:00Z");
  weekly.run();
  EXPECT_EQ(table(weekly), Table{"2026-02-18T03  the last good backup"});
}

TEST(RetentionSeed, HourlyForADayDailyForThirtyWeeklyForAYearMonthlyForSeven) {
  Policy policy;
  policy.hourly = 24;
  policy.daily = 30;
  policy.weekly = 52;
  policy.monthly = 84;
  const Scene scene = lived(policy, "2018-06-01T00:00:00Z", "2026-02-18T12:00:00Z", std::chrono::hours(1), 24);
  EXPECT_EQ(by_rule(scene, "hourly"), "24: 2026-02-18T12 to 2026-02-17T13");
  EXPECT_EQ(by_rule(scene, "daily"), "30: 2026-02-18T12 to 2026-01-20T23");
  EXPECT_EQ(by_rule(scene, "weekly"), "52: 2026-02-18T12 to 2025-03-02T23");
  EXPECT_EQ(by_rule(scene, "monthly"), "84: 2026-02-18T12 to 2019-03-31T23");
  // 24, and 28 days that are not among those hours, 47 weeks that are none of the days, 80 months that are none of all.
  EXPECT_EQ(scene.backups.size(), 179U);
}

TEST(RetentionSeed, AHundredGigabytesInTotal) {
  constexpr std::uint64_t gigabyte = 1'000'000'000;
  Policy policy;
  policy.total_bytes = 100 * gigabyte;
  policy.name = "small";
  const char* names[] = {"orders", "users", "logs"};
  const std::uint64_t sizes[] = {12 * gigabyte, 3 * gigabyte, 8 * gigabyte};
  std::vector<Scene> scenes(3);
  std::uint32_t number = 0;
  for (int day = 0; day < 30; ++day) {
    const Timestamp now = *parse_time("2026-01-01T03:00:00Z") + std::chrono::hours(24 * day);
    std::vector<RetentionInput> inputs;
    for (std::size_t i = 0; i < 3; ++i) {
      Scene& scene = scenes[i];
      scene.rules.policy = policy;
      scene.rules.database = DatabaseId({static_cast<std::uint8_t>(i + 1)});
      scene.rules.database_name = names[i];
      scene.rules.now = now;
      scene.backups.push_back(complete_backup(++number, now, sizes[i]));
      inputs.push_back(scene.input());
    }
    const auto outcome = decide_retention(inputs);
    EXPECT_TRUE(outcome.unmet.empty());
    for (const auto& decision : outcome.decisions) {
      if (decision.keep) continue;
      EXPECT_EQ(decision.reasons.front(),
                "what has policy \"small\" may take 100000000000 bytes (retention.total_bytes)");
      for (Scene& scene : scenes) {
        std::erase_if(scene.backups, [&](const Backup& backup) { return backup.id == decision.backup; });
      }
    }
  }
  // 23 GB a day: four days of all, and what fits of the day before; the oldest of them all went first.
  const auto oldest = [&](std::size_t i) { return to_rfc3339(scenes[i].backups.front().finished_at).substr(0, 10); };
  EXPECT_EQ(scenes[0].backups.size(), 4U);
  EXPECT_EQ(oldest(0), "2026-01-27");
  EXPECT_EQ(scenes[1].backups.size(), 4U);
  EXPECT_EQ(oldest(1), "2026-01-27");
  EXPECT_EQ(scenes[2].backups.size(), 5U);
  EXPECT_EQ(oldest(2), "2026-01-26");
}

}  // namespace
}  // namespace holdfast
