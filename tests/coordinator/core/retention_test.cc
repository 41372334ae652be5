#include "tests/coordinator/core/retention_scene.h"

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
Scene input(const std::vector<int>& ages, Policy policy) {
  Scene out;
  out.rules.now = now;
  policy.name = "p";
  out.rules.policy = policy;
  for (const int age : ages) out.backups.push_back(backup(age));
  return out;
}
std::vector<int> kept(const Scene& in) {
  std::vector<int> ages;
  for (const auto& decision : in.decide()) {
    EXPECT_FALSE(decision.reasons.empty());
    if (decision.keep) ages.push_back(decision.backup.bytes()[0]);
  }
  return ages;
}
using Ages = std::vector<int>;

TEST(Retention, KeepsEverythingWithoutARule) {
  EXPECT_EQ(kept(input({0, 1, 400 % 256}, {})), (Ages{0, 1, 144}));
  auto no_policy = input({0, 1, 100}, {});
  no_policy.rules.policy.reset();
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
  in.rules.needed = {in.backups[3].id};
  EXPECT_EQ(kept(in), (Ages{0, 2, 3}));
}

TEST(Retention, LeavesAloneWhatIsNotComplete) {
  Policy policy;
  policy.days = 1;
  auto in = input({0, 100}, policy);
  in.backups[1].state = BackupState::running;
  EXPECT_EQ(in.decide().size(), 1U);
}

TEST(Retention, GivesReasonsInWords) {
  Policy policy;
  policy.days = 7;
  const auto decisions = input({0, 100}, policy).decide();
  EXPECT_EQ(decisions[0].reasons, (std::vector<std::string>{"younger than 7 days", "the last good backup"}));
  EXPECT_EQ(decisions[1].reasons, std::vector<std::string>{"no rule of policy \"p\" keeps it"});
}

TEST(Retention, KeepsTheNewestOfSoManyHours) {
  Policy policy;
  policy.hourly = 3;
  Scene in = input({}, policy);
  for (std::uint32_t half_hours = 0; half_hours < 12; ++half_hours) {
    in.backups.push_back(complete_backup(half_hours, now - std::chrono::minutes(30 * half_hours)));
  }
  std::vector<BackupId> ids;
  for (const auto& decision : in.decide()) {
    if (decision.keep) ids.push_back(decision.backup);
  }
  EXPECT_EQ(ids, (std::vector{numbered(0), numbered(1), numbered(3)}));  // 12:00, 11:30, 10:30
}

TEST(Retention, BeginsDaysAtMidnightInThePolicysZone) {
  Policy policy;
  policy.daily = 2;
  Scene in = input({}, policy);
  in.rules.now = *parse_time("2026-07-10T12:00:00Z");
  in.backups = {complete_backup(1, *parse_time("2026-07-10T08:00:00Z")),
                complete_backup(2, *parse_time("2026-07-09T22:30:00Z")),  // in Berlin half past midnight of the tenth
                complete_backup(3, *parse_time("2026-07-09T21:30:00Z"))};
  EXPECT_FALSE(in.decide()[2].keep);
  in.rules.policy->timezone = "Europe/Berlin";
  EXPECT_FALSE(in.decide()[1].keep);
  EXPECT_TRUE(in.decide()[2].keep);
}

TEST(Retention, WaitsForALock) {
  Policy policy;
  policy.days = 1;
  policy.max_backups = 1;
  policy.lock = std::chrono::hours(24 * 14);
  const Scene in = input({0, 13, 14, 20}, policy);
  EXPECT_EQ(kept(in), (Ages{0, 13}));
  EXPECT_EQ(in.decide()[1].reasons, std::vector<std::string>{"locked until 2026-02-17T12:00:00Z"});
}

TEST(Retention, BeginsTheRecoveryWindowWithAGoodBackup) {
  Policy policy;
  policy.max_backups = 1;
  policy.pitr = std::chrono::hours(24 * 3);
  auto in = input({0, 5, 9, 12}, policy);
  in.backups[1].bad_pages = 1;
  EXPECT_EQ(kept(in), (Ages{0, 5, 9}));
}

TEST(Retention, DoesNotTakeABackupForGoodThatIsWholeInNoStore) {
  Policy policy;
  policy.days = 1;
  auto in = input({50, 100}, policy);
  in.backups[0].copies = {{"local", "damaged"}, {"offsite", "missing"}};
  EXPECT_EQ(kept(in), (Ages{50, 100}));
  in.backups[0].copies[1].state = "ok";
  EXPECT_EQ(kept(in), (Ages{50}));
}

TEST(Retention, KeepsTheLastOfSeveralVerifiedBackupsThatItWouldReleaseTogether) {
  Policy policy;
  policy.days = 1;
  auto in = input({0, 50, 100}, policy);
  in.backups[1].verified_at = in.backups[2].verified_at = now;
  EXPECT_EQ(kept(in), (Ages{0, 50}));
}

// ---- budgets
Scene sized(const std::vector<int>& ages, Policy policy, std::uint64_t bytes) {
  Scene in = input(ages, std::move(policy));
  in.rules.database_name = "orders";
  for (Backup& one : in.backups) one.stored_bytes = bytes;
  return in;
}

TEST(ByteBudget, TakesTheOldestFirstUntilTheRestFits) {
  Policy policy;
  policy.max_bytes = 250;
  const Scene in = sized({3, 0, 2, 1}, policy, 100);
  EXPECT_EQ(kept(in), (Ages{0, 1}));
  EXPECT_EQ(in.decide()[3].reasons,
            std::vector<std::string>{"database \"orders\" may take 250 bytes (retention.max_bytes)"});
  EXPECT_EQ(in.decide()[3].freed_bytes, 100U);
  EXPECT_EQ(in.decide()[0].freed_bytes, 0U);
  policy.max_bytes = 400;
  EXPECT_EQ(kept(sized({3, 0, 2, 1}, policy, 100)), (Ages{0, 1, 2, 3}));
}

TEST(ByteBudget, DoesNotCountWhatARuleReleasedAlready) {
  Policy policy;
  policy.days = 5;
  policy.max_bytes = 200;
  EXPECT_EQ(kept(sized({0, 1, 10, 20}, policy, 100)), (Ages{0, 1}));
}

TEST(ByteBudget, PassesOverWhatIsKeptFirmlyAndSaysWhenItCannotBeMet) {
  Policy policy;
  policy.max_bytes = 150;
  policy.min_backups = 2;
  Scene in = sized({0, 1, 2, 3, 4}, policy, 100);
  in.backups[3].keep = true;
  EXPECT_EQ(kept(in), (Ages{0, 1, 3}));
  const auto outcome = decide_retention(std::vector{in.input()});
  ASSERT_EQ(outcome.unmet.size(), 1U);
  EXPECT_EQ(outcome.unmet[0],
            "database \"orders\" may take 150 bytes (retention.max_bytes); 300 bytes are kept whatever a budget says");
  EXPECT_EQ(outcome.decisions[3].reasons.back(), "its budget cannot be met: " + outcome.unmet[0]);
}

TEST(ByteBudget, InTotalIsSharedByTheDatabasesOfAPolicyAndByNoOthers) {
  Policy policy;
  policy.total_bytes = 300;
  std::vector<Scene> scenes = {sized({0, 2, 4}, policy, 100), sized({1, 3, 5}, policy, 100), sized({9, 8}, {}, 100)};
  scenes[2].rules.policy->name = "other";
  std::vector<RetentionInput> inputs;
  for (const Scene& scene : scenes) inputs.push_back(scene.input());
  std::vector<bool> keeps;
  for (const auto& decision : decide_retention(inputs).decisions) keeps.push_back(decision.keep);
  EXPECT_EQ(keeps, (std::vector{true, true, false, true, false, false, true, true}));
}

// What an incremental backup reads of its parent stays with it, so releasing the parent frees little.
TEST(ByteBudget, CountsPacksThatAKeptBackupStillReads) {
  Policy policy;
  policy.max_bytes = 120;
  Scene in = sized({3, 2, 1, 0}, policy, 0);
  const auto id = [&in](std::size_t i) { return in.backups[i].id; };
  const PackUse old_pack{id(0), 0, 100};
  in.objects[id(0)] = {{old_pack, {id(0), 1, 50}}, 5, {}};  // full: two packs
  in.objects[id(1)] = {{{id(1), 0, 10}, old_pack}, 1, {}};
  in.objects[id(2)] = {{{id(2), 0, 10}, old_pack}, 1, {}};
  in.objects[id(3)] = {{{id(3), 0, 80}}, 5, {}};  // full again
  const auto decisions = in.decide();
  EXPECT_EQ(kept(in), Ages{0});
  EXPECT_EQ(decisions[3].freed_bytes, 55U) << "one of its packs is still read";
  EXPECT_EQ(decisions[2].freed_bytes, 11U);
  EXPECT_EQ(decisions[1].freed_bytes, 111U) << "the last reader takes it along";
}

}  // namespace
}  // namespace holdfast
