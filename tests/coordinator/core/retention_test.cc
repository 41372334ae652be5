#include "coordinator/core/retention.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr std::int64_t day = std::int64_t{86'400} * 1'000'000;
const Timestamp now = Timestamp::from_micros(20'500 * day + day / 2);  // 2026-02-16, a Monday, at noon

// `age` in days; the id says it too.
Backup backup(int age) {
  Backup out;
  out.id = BackupId({static_cast<std::uint8_t>(age), 1});
  out.state = BackupState::complete;
  out.finished_at = Timestamp::from_micros(now.micros() - age * day);
  out.started_at = Timestamp::from_micros(out.finished_at.micros() - 1);
  out.start_lsn = Lsn(static_cast<std::uint64_t>(1'000'000'000 - age * 1'000'000));
  return out;
}
RetentionInput input(const std::vector<int>& ages, Policy policy) {
  RetentionInput out;
  out.now = now;
  policy.name = "p";
  out.policy = policy;
  for (const int age : ages) out.backups.push_back(backup(age));
  return out;
}
std::vector<int> kept(const RetentionInput& in) {
  std::vector<int> ages;
  for (const auto& decision : decide_retention(in)) {
    EXPECT_FALSE(decision.reasons.empty());
    if (decision.keep) ages.push_back(decision.backup.bytes()[0]);
  }
  return ages;
}
using Ages = std::vector<int>;

TEST(Retention, KeepsEverythingWithoutARule) {
  EXPECT_EQ(kept(input({0, 1, 400 % 256}, {})), (Ages{0, 1, 144}));
  auto no_policy = input({0, 1, 100}, {});
  no_policy.policy.reset();
  EXPECT_EQ(kept(no_policy).size(), 3U);
  Policy floor;
  floor.min_backups = 1;
  floor.pitr = std::chrono::hours(24);
  EXPECT_EQ(kept(input({0, 1, 100}, floor)).size(), 3U);  // floors release nothing
}

TEST(Retention, KeepsTheNewestByCount) {
  Policy policy;
  policy.max_backups = 2;
  EXPECT_EQ(kept(input({3, 0, 2, 1}, policy)), (Ages{0, 1}));
}

TEST(Retention, KeepsWhatIsYoungerThanSomeDays) {
  Policy policy;
  policy.days = 7;
  EXPECT_EQ(kept(input({0, 6, 7, 8, 30}, policy)), (Ages{0, 6, 7}));
}

TEST(Retention, KeepsAtLeastSoManyHoweverOldTheyAre) {
  Policy policy;
  policy.days = 7;
  policy.min_backups = 2;
  EXPECT_EQ(kept(input({20, 30, 40}, policy)), (Ages{20, 30}));
}

TEST(Retention, KeepsTheNewestOfEachPeriod) {
  Policy policy;
  policy.daily = 3;
  EXPECT_EQ(kept(input({0, 1, 2, 3, 4}, policy)), (Ages{0, 1, 2}));
  policy = {};
  policy.weekly = 3;
  EXPECT_EQ(kept(input({0, 1, 2, 7, 8, 14, 15}, policy)), (Ages{0, 1, 8}));
  policy = {};
  policy.monthly = 2;
  EXPECT_EQ(kept(input({0, 10, 20, 40, 70}, policy)), (Ages{0, 20}));
  policy = {};
  policy.yearly = 2;
  EXPECT_EQ(kept(input({0, 40, 50, 100}, policy)), (Ages{0, 50}));
}

TEST(Retention, LetsCountsCutWhatOtherRulesKeepButNotTheFloors) {
  Policy policy;
  policy.days = 30;
  policy.max_backups = 2;
  policy.min_backups = 3;
  EXPECT_EQ(kept(input({0, 1, 2, 3, 4}, policy)), (Ages{0, 1, 2}));
}

TEST(Retention, KeepsTheBeginningOfTheRecoveryWindow) {
  Policy policy;
  policy.max_backups = 1;
  policy.pitr = std::chrono::hours(24 * 3);
  EXPECT_EQ(kept(input({0, 2, 5, 9}, policy)), (Ages{0, 2, 5}));
}

TEST(Retention, NeverReleasesTheLastGoodBackup) {
  Policy policy;
  policy.days = 1;
  EXPECT_EQ(kept(input({100}, policy)), (Ages{100}));
  auto damaged = input({50, 100}, policy);
  damaged.backups[0].bad_pages = 3;
  EXPECT_EQ(kept(damaged), (Ages{50, 100}));
}

TEST(Retention, NeverReleasesTheOnlyVerifiedBackup) {
  Policy policy;
  policy.days = 1;
  auto in = input({0, 50, 100}, policy);
  in.backups[1].verified_at = now;
  EXPECT_EQ(kept(in), (Ages{0, 50}));
}

TEST(Retention, KeepsHoldsAndWhatARestoreNeeds) {
  Policy policy;
  policy.max_backups = 1;
  auto in = input({0, 1, 2, 3}, policy);
  in.backups[2].keep = true;
  in.needed = {in.backups[3].id};
  EXPECT_EQ(kept(in), (Ages{0, 2, 3}));
}

TEST(Retention, LeavesAloneWhatIsNotComplete) {
  Policy policy;
  policy.days = 1;
  auto in = input({0, 100}, policy);
  in.backups[1].state = BackupState::running;
  EXPECT_EQ(decide_retention(in).size(), 1U);
}

TEST(Retention, GivesReasonsInWords) {
  Policy policy;
  policy.days = 7;
  const auto decisions = decide_retention(input({0, 100}, policy));
  EXPECT_EQ(decisions[0].reasons, (std::vector<std::string>{"younger than 7 days", "the last good backup"}));
  EXPECT_EQ(decisions[1].reasons, std::vector<std::string>{"no rule of policy \"p\" keeps it"});
}

TEST(WalHorizon, IsTheSegmentWhereTheOldestKeptBackupBegins) {
  const std::vector<Backup> backups = {backup(0), backup(3), backup(1)};
  const auto horizon = wal_horizon(backups, 1U << 20U);
  ASSERT_TRUE(horizon);
  EXPECT_LE(horizon->keep_from, backups[1].start_lsn);
  EXPECT_EQ(horizon->keep_from.value() % (1U << 20U), 0U);
  EXPECT_GT(horizon->keep_from.value() + (1U << 20U), backups[1].start_lsn.value());
  EXPECT_FALSE(wal_horizon({}, 0));
  auto running = backup(0);
  running.state = BackupState::running;
  EXPECT_FALSE(wal_horizon({running}, 0));
}

}  // namespace
}  // namespace holdfast
