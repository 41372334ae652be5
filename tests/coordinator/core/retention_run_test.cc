// Retention on what the coordinator knows: what it asks the stores to forget, and what it counts on afterwards.
#include "shared/repository/layout.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours day{24};
constexpr std::uint64_t segment = std::uint64_t{16} << 20U;

// Positions in segments are easier to read.
Lsn at(std::uint64_t segments, std::uint64_t more = 0) {
  return Lsn(segments * segment + more);
}

class RetentionRun : public FleetFixture {
 protected:
  Host host_ = join("db1", {{"fleet", "demo"}});
  DatabaseId orders_;
  Policy policy_ = default_policy();

  void SetUp() override {
    add_store();
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
  }
  void apply_rules() { apply_policy(policy_); }
  // It begins and ends within this segment, and all log so far is shipped.
  BackupId backup_in(std::uint64_t number, std::uint32_t timeline = 1) {
    const auto id = take_backup(host_, orders_, {at(number, 100), at(number, 200), Timeline(timeline)});
    shipped(number + 1, timeline);
    return id;
  }
  void shipped(std::uint64_t segments, std::uint32_t timeline = 1) {
    ship(host_, orders_, Timeline(timeline), at(0), at(segments), began_, now_);
  }
  RetentionReply preview() { return expect<RetentionReply>(RetentionRequest{false, {}}); }
  RetentionReply run() { return expect<RetentionReply>(RetentionRequest{true, {}}); }
  std::vector<RemoveWal> asked_for_log() {
    std::vector<RemoveWal> found;
    for (const auto& work : work_) {
      if (const auto* removal = std::get_if<RemoveWal>(&work)) found.push_back(*removal);
    }
    work_.clear();
    return found;
  }
  // The catalog's log in segments: "1:0-2 1:5-9".
  std::string log() {
    std::string out;
    const std::vector<WalRange> ranges = read_rows<WalRange>(store_).value();
    for (const WalRange& range : ranges) {
      out += (out.empty() ? "" : " ") + std::to_string(range.timeline.value()) + ":" +
             std::to_string(range.first.value() / segment) + "-" + std::to_string(range.last.value() / segment);
    }
    return out;
  }
  Timestamp began_ = now_;
};

// One backup on hold from long ago, one that begins the window, one within it.
class OldBackups : public RetentionRun {
 protected:
  BackupId old_;
  void SetUp() override {
    RetentionRun::SetUp();
    policy_.pitr = 7 * day;
    policy_.max_backups = 1;
    apply_rules();
    old_ = backup_in(10);
    pass(30 * day);
    backup_in(20);
    pass(8 * day);
    backup_in(30);
    expect<DoneReply>(BackupRequest{BackupRequest::Verb::keep, old_.text()});
  }
};

TEST_F(OldBackups, KeepOnlyTheLogThatMakesThemConsistent) {
  run();
  EXPECT_EQ(log(), "1:10-11 1:20-31");
  const auto asked = asked_for_log();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].log, (ReleasedLog{Timeline(1), at(20), {{at(10), at(11)}}}));
  run();
  EXPECT_TRUE(asked_for_log().empty());
}

// An agent goes on telling that its log begins where it began.
TEST_F(OldBackups, DoNotGetTheirLogBackByWhatAnAgentSays) {
  run();
  shipped(31);
  restart();
  hello(host_);
  pass(std::chrono::minutes(1));
  shipped(40);
  pass(std::chrono::minutes(1));
  tick();
  EXPECT_EQ(log(), "1:10-11 1:20-40");
  EXPECT_EQ(list(Listing::windows).windows.at(0).gaps.size(), 1U);
}

TEST_F(OldBackups, TakeTheirLogWithThem) {
  run();
  apply(WalRemoved{orders_, asked_for_log().at(0).log, std::nullopt});
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::release, old_.text()});
  run();
  EXPECT_EQ(log(), "1:20-31");
  const auto asked = asked_for_log();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].log, (ReleasedLog{Timeline(1), at(20), {}}));
}

// Between asking and doing somebody puts a hold on a backup, or asks for a wider window.
TEST_F(OldBackups, KeepWhatIsNeededByTheTimeARemovalIsRepeated) {
  run();
  asked_for_log();
  policy_.pitr = 60 * day;
  apply_rules();
  pass(std::chrono::minutes(11));
  tick();
  const auto asked = asked_for_log();
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].log.keep_from, at(10)) << "the log behind it may be there still";
  EXPECT_EQ(log(), "1:10-11 1:20-31") << "but nobody counts on it";
  shipped(31);
  pass(std::chrono::minutes(1));
  tick();
  EXPECT_EQ(log(), "1:10-11 1:20-31");
}

TEST_F(OldBackups, AreForgottenByARemovalThatWasAskedForBefore) {
  run();
  const auto first = asked_for_log().at(0).log;
  expect<DoneReply>(BackupRequest{BackupRequest::Verb::release, old_.text()});
  run();
  apply(WalRemoved{orders_, first, std::nullopt});
  EXPECT_FALSE(read_rows<WalRemovalRow>(store_)->at(0).removed) << "that was not all";
  apply(WalRemoved{orders_, asked_for_log().at(0).log, std::nullopt});
  EXPECT_TRUE(read_rows<WalRemovalRow>(store_)->at(0).removed);
}

TEST_F(OldBackups, HaveTheirWholeLogWhileARestoreOfThemIsPlanned) {
  RestorePlanRequest asked;
  asked.selection.names = {"orders"};
  asked.backup = old_.text();
  expect<RestorePlanReply>(asked);
  run();
  EXPECT_EQ(log(), "1:10-31");
}

TEST_F(OldBackups, OfAnotherTimelineDoNotLimitANewOne) {
  run();
  // Restored to the old backup: the new timeline begins far before what was released.
  say(host_, HistoryReport{{orders_, Timeline(2), Timeline(1), at(10, 200)}});
  ship(host_, orders_, Timeline(2), at(10), at(12), now_, now_);
  pass(std::chrono::minutes(1));
  tick();
  EXPECT_EQ(log(), "1:10-11 1:20-31 2:10-12");
  run();
  EXPECT_EQ(log(), "1:10-11 1:20-31 2:10-12");
}

// ---- backups
TEST_F(RetentionRun, DoesNotReleaseWhatIsLockedNotEvenByAnOperator) {
  policy_.max_backups = 1;
  policy_.lock = 14 * day;
  apply_rules();
  const auto old = backup_in(1);
  pass(13 * day);
  backup_in(2);
  EXPECT_EQ(run().lines.size(), 1U) << "only log from before both";
  const auto refused = refusal(BackupRequest{BackupRequest::Verb::remove, old.text()});
  EXPECT_EQ(refused.code, Code::conflict);
  EXPECT_NE(refused.message.find("locked until"), std::string::npos);
  pass(2 * day);
  EXPECT_EQ(run().lines.size(), 2U) << "the backup and its log";
}

TEST_F(RetentionRun, SaysWhenABudgetCannotBeMet) {
  policy_.total_bytes = 1500;  // each has 1000
  policy_.min_backups = 2;
  apply_rules();
  backup_in(1);
  pass(day);
  backup_in(2);
  pass(day);
  backup_in(3);
  const auto shown = preview();
  ASSERT_EQ(shown.decisions.size(), 3U);
  EXPECT_EQ(shown.decisions[2].freed_bytes, 1000U);
  ASSERT_EQ(shown.lines.size(), 1U);
  alerts_.clear();
  run();
  ASSERT_EQ(alerts_.size(), 1U);
  EXPECT_EQ(alerts_[0], shown.lines[0]);
}

// A budget for all is judged with all, whoever is asked about.
TEST_F(RetentionRun, CountsEverybodyWhoSharesABudget) {
  inventory(host_, {postgres("/srv/orders", 7), postgres("/srv/users", 8)});
  policy_.total_bytes = 2000;
  apply_rules();
  backup_in(1);
  pass(day);
  const DatabaseId users = database("users").id;
  const auto old_of_users = take_backup(host_, users, {at(1), at(2), Timeline(1)});
  pass(day);
  take_backup(host_, users, {at(3), at(4), Timeline(1)});
  pass(day);
  Selection only_users;
  only_users.names = {"users"};
  const auto shown = expect<RetentionReply>(RetentionRequest{false, only_users});
  ASSERT_EQ(shown.decisions.size(), 2U);
  EXPECT_EQ(shown.decisions[1].backup, old_of_users);
  EXPECT_FALSE(shown.decisions[1].keep) << "that of orders is its last one";
}

TEST_F(RetentionRun, CountsAPackThatAnotherBackupReadsOnlyWithItsLastReader) {
  policy_.max_bytes = 2500;
  apply_rules();
  const auto full = backup_in(1);  // a pack of 900 and a manifest of 100
  pass(day);
  take_incremental(host_, orders_, {at(2, 100), at(2, 200), Timeline(1)}, {pack_name(orders_, full, 0)});
  pass(day);
  backup_in(3);
  const auto decisions = preview().decisions;
  ASSERT_EQ(decisions.size(), 3U);
  EXPECT_FALSE(decisions[2].keep);
  EXPECT_EQ(decisions[2].freed_bytes, 100U);
  EXPECT_FALSE(decisions[1].keep) << "2900 bytes were left";
  EXPECT_EQ(decisions[1].freed_bytes, 1900U);
}

}  // namespace
}  // namespace holdfast
