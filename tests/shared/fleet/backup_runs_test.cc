#include "shared/fleet/backup_runs.h"

#include <gmock/gmock.h>

#include <random>

#include "shared/schedule/daily_window.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using testing::ElementsAre;

Timestamp at(const char* text) {
  return parse_time(text).value();
}

Policy policy_with(std::string full, std::string differential, std::string incremental) {
  Policy policy;
  policy.full = std::move(full);
  policy.differential = std::move(differential);
  policy.incremental = std::move(incremental);
  return policy;
}

std::vector<std::string> runs(const Policy& policy, const char* after, int count, DatabaseId database = {}) {
  std::vector<std::string> out;
  Timestamp from = at(after);
  for (int i = 0; i < count; ++i) {
    const auto run = next_backup_run(policy, database, from).value();
    if (!run) break;
    const char* type = run->type == BackupType::full           ? "full"
                       : run->type == BackupType::differential ? "differential"
                                                               : "incremental";
    out.push_back(to_rfc3339(run->at) + " " + type);
    from = run->at;
  }
  return out;
}

TEST(BackupRuns, AreThoseOfThreeLinesAndOneOfAMoment) {
  EXPECT_THAT(
      runs(policy_with("0 1 * * 0", "0 1 * * 1-6", "0 */8 * * *"), "2026-02-28T12:00:00Z", 7),
      ElementsAre("2026-02-28T16:00:00Z incremental", "2026-03-01T00:00:00Z incremental", "2026-03-01T01:00:00Z full",
                  "2026-03-01T08:00:00Z incremental", "2026-03-01T16:00:00Z incremental",
                  "2026-03-02T00:00:00Z incremental", "2026-03-02T01:00:00Z differential"));
  EXPECT_THAT(
      runs(policy_with("@daily", "", "@hourly"), "2026-03-01T22:30:00Z", 3),
      ElementsAre("2026-03-01T23:00:00Z incremental", "2026-03-02T00:00:00Z full", "2026-03-02T01:00:00Z incremental"));
  EXPECT_THAT(runs(policy_with("", "", ""), "2026-03-01T22:30:00Z", 3), ElementsAre());
}

TEST(BackupRuns, WaitForTheWindowAndAreOneWhenTheyDo) {
  Policy policy = policy_with("0 12 * * 0", "", "@hourly");
  policy.window = "22:00-01:30";
  EXPECT_THAT(runs(policy, "2026-03-01T00:30:00Z", 6),
              ElementsAre("2026-03-01T01:00:00Z incremental", "2026-03-01T22:00:00Z full",
                          "2026-03-01T23:00:00Z incremental", "2026-03-02T00:00:00Z incremental",
                          "2026-03-02T01:00:00Z incremental", "2026-03-02T22:00:00Z incremental"));
}

TEST(BackupRuns, ThatAreOwedAreOne) {
  const Policy policy = policy_with("0 1 * * 0", "0 1 * * 1-6", "@hourly");
  const auto owed = [&](const char* after, const char* through) {
    return owed_backup_run(policy, {}, at(after), at(through)).value();
  };
  EXPECT_EQ(owed("2026-03-02T02:00:00Z", "2026-03-02T02:59:59Z"), std::nullopt);
  EXPECT_EQ(owed("2026-03-02T02:00:00Z", "2026-03-02T20:00:00Z"),
            (BackupRun{at("2026-03-02T03:00:00Z"), BackupType::incremental}));
  EXPECT_EQ(owed("2026-03-02T02:00:00Z", "2026-03-03T01:00:00Z"),
            (BackupRun{at("2026-03-02T03:00:00Z"), BackupType::differential}));
  EXPECT_EQ(owed("2026-03-02T02:00:00Z", "2026-04-03T01:00:00Z"),
            (BackupRun{at("2026-03-02T03:00:00Z"), BackupType::full}));
}

TEST(BackupRuns, RefuseWhatCannotBeRead) {
  EXPECT_THAT(next_backup_run(policy_with("sometimes", "", ""), {}, {}), FailedWith(Code::invalid));
  Policy policy = policy_with("@daily", "", "");
  policy.window = "always";
  EXPECT_THAT(next_backup_run(policy, {}, {}), FailedWith(Code::invalid));
  policy.window.clear();
  policy.timezone = "Mars/Olympus";
  EXPECT_THAT(next_backup_run(policy, {}, {}), FailedWith(Code::invalid));
}

// A fleet whose window is shorter than its splay still begins all within it, spread over it.
TEST(BackupRuns, SpreadOverWhatTheWindowLeaves) {
  Policy policy = policy_with("0 1 * * *", "", "");
  policy.window = "00:00-02:00";
  policy.splay = std::chrono::hours(6);
  std::vector<Timestamp> starts;
  for (std::uint8_t i = 0; i < 200; ++i) {
    const auto run = next_backup_run(policy, DatabaseId({i, 7}), at("2026-03-01T12:00:00Z")).value();
    starts.push_back(run->at);
  }
  std::ranges::sort(starts);
  EXPECT_GE(starts.front(), at("2026-03-02T01:00:00Z"));
  EXPECT_LT(starts.front(), at("2026-03-02T01:05:00Z"));
  EXPECT_LT(starts.back(), at("2026-03-02T02:00:00Z"));
  EXPECT_GT(starts.back(), at("2026-03-02T01:55:00Z"));
}

// Whatever the lines, windows and zones: runs rise, begin within the window, and each time of a line has its run at
// the first moment that the window allows, in the splay's width.
TEST(BackupRuns, ComeForEveryTimeOfALine) {
  std::mt19937 random(7);
  const auto pick = [&](auto values) { return values[random() % values.size()]; };
  for (int i = 0; i < 300; ++i) {
    Policy policy = policy_with(pick(std::vector<std::string>{"0 2 * * *", "30 2 * * 0", "15 */3 * * *", "@hourly",
                                                              "*/20 1-4 * * *", "0 12 1,15 * *"}),
                                "", "");
    policy.timezone = pick(std::vector<std::string>{"UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"});
    policy.window = pick(std::vector<std::string>{"00:00-06:00", "22:00-03:00", "02:10-02:50", "12:00-11:59"});
    policy.splay = std::chrono::minutes(pick(std::vector<int>{0, 10, 90, 1440}));
    const DatabaseId database({static_cast<std::uint8_t>(random()), static_cast<std::uint8_t>(random())});
    const CronSchedule line = parse_cron(policy.full).value();
    const DailyWindow window = parse_window(policy.window).value();
    const Timestamp begin = at("2026-03-27T00:00:00Z") + std::chrono::minutes(random() % 2880);
    Timestamp due = begin;
    Timestamp run = begin;
    for (int n = 0; n < 12; ++n) {
      const auto next = next_backup_run(policy, database, run).value();
      ASSERT_TRUE(next);
      ASSERT_GT(next->at, run);
      run = next->at;
      EXPECT_TRUE(opening_at(window, policy.timezone, run).value().contains(run)) << to_rfc3339(run);
      EXPECT_EQ(within_window(policy, run).value(), run);
    }
    // The next three times of the line after `begin` and when the window lets them begin.
    for (int n = 0; n < 3; ++n) {
      const auto time = next_run(line, policy.timezone, Micros(0), database, due).value();
      ASSERT_TRUE(time);
      due = *time;
      const Opening opening = opening_at(window, policy.timezone, due).value();
      const Timestamp from = std::max(due, opening.begin);
      const Timestamp moment = from - Micros(1);
      const auto started = next_backup_run(policy, database, moment).value();
      ASSERT_TRUE(started);
      EXPECT_LE(started->at - from, policy.splay) << policy.full << " " << policy.window << " " << to_rfc3339(due);
      EXPECT_LT(started->at, opening.end);
    }
  }
}

}  // namespace
}  // namespace holdfast
