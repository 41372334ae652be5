#include "coordinator/core/wal_keep.h"

#include <gtest/gtest.h>

#include "coordinator/core/restore_plan.h"

namespace holdfast {
namespace {

constexpr std::uint64_t segment = 16;  // small numbers are easier to read
const Timestamp now = Timestamp::from_micros(1'800'000'000'000'000);

Timestamp days_ago(int days) {
  return now - std::chrono::hours(24 * days);
}

// A database whose log grows along.
struct Log {
  std::vector<Backup> backups;
  WalKeepInput rules;

  // Named by its age in days.
  void backup(int age, std::uint64_t start, std::uint64_t stop, std::uint32_t timeline = 1) {
    Backup out;
    out.id = BackupId({static_cast<std::uint8_t>(age), 1});
    out.state = BackupState::complete;
    out.finished_at = days_ago(age);
    out.started_at = days_ago(age) - std::chrono::hours(1);
    out.start_lsn = Lsn(start);
    out.stop_lsn = Lsn(stop);
    out.timeline = Timeline(timeline);
    backups.push_back(out);
  }
  void range(std::uint64_t first, std::uint64_t last, int from, int through, std::uint32_t timeline = 1) {
    WalRange out;
    out.timeline = Timeline(timeline);
    out.first = Lsn(first);
    out.last = Lsn(last);
    out.from_time = days_ago(from);
    out.through_time = days_ago(through);
    out.segment_size = segment;
    rules.ranges.push_back(out);
  }
  void promoted(std::uint32_t timeline, std::uint32_t parent, std::uint64_t at) {
    rules.switches.push_back({{}, Timeline(timeline), Timeline(parent), Lsn(at)});
  }
  void window(int days) { rules.pitr = std::chrono::hours(24 * days); }

  std::optional<WalKeep> keep() const {
    WalKeepInput input = rules;
    for (const Backup& one : backups) input.backups.push_back(&one);
    input.now = now;
    return wal_to_keep(input);
  }
  // "1:0-32 2:48-100": what is left of the log.
  std::string left() const {
    const auto needed = keep();
    std::string out;
    for (const WalRange& range : needed ? cut_wal_ranges(rules.ranges, *needed) : rules.ranges) {
      out += (out.empty() ? "" : " ") + std::to_string(range.timeline.value()) + ":" +
             std::to_string(range.first.value()) + "-" + std::to_string(range.last.value());
    }
    return out;
  }
};

class KeepLog : public testing::Test, protected Log {};

TEST_F(KeepLog, AllOfItWithoutABackup) {
  range(0, 1000, 9, 0);
  EXPECT_FALSE(keep());
  backup(3, 100, 120);
  backups[0].state = BackupState::failed;
  EXPECT_FALSE(keep());
}

TEST_F(KeepLog, FromTheSegmentOfTheOldestBackupWhenThereIsNoWindow) {
  range(0, 1000, 90, 0);
  backup(1, 900, 910);
  backup(60, 100, 120);
  EXPECT_EQ(left(), "1:96-1000");
}

TEST_F(KeepLog, FromTheBackupThatBeginsTheWindowAndOfOlderOnesWhatMakesThemConsistent) {
  window(7);
  range(0, 1000, 90, 0);
  backup(1, 900, 910);
  backup(6, 800, 810);
  backup(8, 700, 710);   // from here every moment of seven days can be reached
  backup(30, 400, 420);  // segments 400 to 432
  backup(60, 100, 112);  // ends with a segment: the next one stays too
  EXPECT_EQ(left(), "1:96-128 1:400-432 1:688-1000");
}

TEST_F(KeepLog, WholeWhileNoBackupIsOlderThanTheWindow) {
  window(7);
  range(0, 1000, 90, 0);
  backup(1, 900, 910);
  backup(6, 800, 810);
  EXPECT_EQ(left(), "1:800-1000");
}

TEST_F(KeepLog, FromAnOlderBackupWhenThatAtTheBeginningOfTheWindowIsBad) {
  window(7);
  range(0, 1000, 90, 0);
  backup(1, 900, 910);
  backup(8, 700, 710);
  backup(30, 400, 420);
  backups[1].bad_pages = 1;
  EXPECT_EQ(left(), "1:400-1000");
}

TEST_F(KeepLog, FromABackupThatARestoreNeeds) {
  window(7);
  range(0, 1000, 90, 0);
  backup(1, 900, 910);
  backup(8, 700, 710);
  backup(30, 400, 420);
  backup(60, 100, 110);
  rules.needed = {backups[2].id};
  EXPECT_EQ(left(), "1:96-112 1:400-1000");
}

TEST_F(KeepLog, FromWhereABackupThatRunsBegan) {
  range(0, 1000, 90, 0);
  backup(1, 900, 910);
  backup(0, 500, 0);
  backups[1].state = BackupState::running;
  EXPECT_EQ(left(), "1:496-1000");
}

TEST_F(KeepLog, RoundedToTheLargestSegmentThereIsWhenItsSizeIsNotKnown) {
  range(0, 5'000'000'000, 90, 0);
  backup(1, 3'000'000'000, 3'000'000'010);
  rules.ranges[0].segment_size = 0;
  EXPECT_EQ(left(), "1:2147483648-5000000000");
}

// A failover five days ago: the window begins on the old timeline, and both are needed.
TEST_F(KeepLog, AcrossAPromotion) {
  window(7);
  range(0, 600, 90, 5, 1);
  range(592, 1000, 5, 0, 2);
  promoted(2, 1, 600);
  backup(1, 900, 910, 2);
  backup(8, 500, 510);
  backup(30, 300, 310);
  EXPECT_EQ(left(), "1:288-320 1:496-600 2:592-1000");
}

// A month after a failover the old timeline has nothing but what its own backups need.
TEST_F(KeepLog, OfATimelineThatEndedOnlyWhatItsBackupsNeed) {
  window(7);
  range(0, 600, 90, 30, 1);
  range(592, 2000, 30, 0, 2);
  promoted(2, 1, 600);
  backup(1, 1900, 1910, 2);
  backup(8, 1500, 1510, 2);
  backup(40, 500, 510);
  EXPECT_EQ(left(), "1:496-512 2:1488-2000");
}

// Restored three days ago to a point from twenty days ago. What was undone may be wanted back: both histories are in
// the window, each from its own beginning.
TEST_F(KeepLog, OfBothHistoriesAfterARestoreToThePast) {
  window(7);
  range(0, 1000, 90, 3, 1);
  range(400, 500, 3, 0, 2);
  promoted(2, 1, 410);
  backup(1, 480, 490, 2);
  backup(8, 700, 710);   // begins the window of the old history
  backup(25, 350, 360);  // and this one that of the new: from here 410 is reached
  backup(60, 100, 110);
  EXPECT_EQ(left(), "1:96-112 1:336-1000 2:400-500");
}

TEST_F(KeepLog, AllSinceTheOldestBackupWhenNobodySaidYetWhereATimelineCameFrom) {
  window(7);
  range(0, 600, 90, 5, 1);
  range(592, 1000, 5, 0, 2);
  backup(8, 500, 510);
  backup(30, 300, 310);
  EXPECT_EQ(left(), "1:288-600 2:592-1000");
  promoted(2, 1, 600);
  EXPECT_EQ(left(), "1:288-320 1:496-600 2:592-1000");
}

// A server that was just promoted: its timeline is told of before any of its log.
TEST_F(KeepLog, ForATimelineThatHasNoneYet) {
  window(7);
  range(0, 1000, 90, 0);
  promoted(2, 1, 450);
  backup(8, 700, 710);
  backup(20, 420, 430);
  backup(60, 100, 110);
  EXPECT_EQ(left(), "1:96-112 1:416-1000");
}

// ---- what is left must not lie
TEST_F(KeepLog, WithTimesThatAreTrue) {
  window(7);
  range(0, 1000, 90, 0);
  backup(8, 700, 710);
  backup(30, 400, 420);
  const auto cut = cut_wal_ranges(rules.ranges, *keep());
  ASSERT_EQ(cut.size(), 2U);
  EXPECT_EQ(cut[0].through_time, backups[1].started_at) << "what was committed behind it may be gone";
  EXPECT_EQ(cut[0].from_time, days_ago(90)) << "since when the timeline was written";
  EXPECT_EQ(cut[1].through_time, days_ago(0));
}

class PlansOnCutLog : public KeepLog {
 protected:
  DatabaseHistory history() const {
    DatabaseHistory out;
    out.name = "orders";
    out.backups = backups;
    out.ranges = cut_wal_ranges(rules.ranges, *keep());
    out.switches = rules.switches;
    for (const WalRange& range : rules.ranges) out.released_before[range.timeline] = keep()->keep_from;
    return out;
  }
  Result<PlannedSource> to(Timestamp time) const {
    RecoveryTarget target;
    target.kind = TargetKind::time;
    target.time = time;
    return plan_source(history(), target, std::nullopt);
  }
  void SetUp() override {
    window(7);
    range(0, 1000, 90, 0);
    backup(1, 900, 910);
    backup(8, 700, 710);
    backup(30, 400, 420);
  }
};

TEST_F(PlansOnCutLog, ReachEveryMomentOfTheWindow) {
  for (int hours = 0; hours <= 7 * 24; ++hours) {
    const auto plan = to(now - std::chrono::hours(hours));
    ASSERT_TRUE(plan) << hours << " " << plan.error().text();
  }
}

TEST_F(PlansOnCutLog, RefuseMomentsBetweenOlderBackups) {
  EXPECT_FALSE(to(days_ago(20)));
  EXPECT_TRUE(to(days_ago(30))) << "the end of a backup";
}

TEST_F(PlansOnCutLog, ShowTheGapInTheWindow) {
  const auto window = recovery_window(history());
  ASSERT_TRUE(window);
  EXPECT_EQ(window->from, days_ago(30));
  EXPECT_EQ(window->to, now);
  ASSERT_EQ(window->gaps.size(), 1U);
  EXPECT_EQ(window->gaps[0].from, days_ago(30));
  EXPECT_EQ(window->gaps[0].to, days_ago(8));
  EXPECT_FALSE(open_gap(history())) << "nothing is missing in front of what is written now";
}

TEST_F(PlansOnCutLog, RestoreAnOldBackupToItsEnd) {
  RecoveryTarget target;
  target.kind = TargetKind::immediate;
  const auto plan = plan_source(history(), target, backups[2].id);
  ASSERT_TRUE(plan) << plan.error().text();
  EXPECT_EQ(plan->reach_lsn, Lsn(432));
}

TEST_F(PlansOnCutLog, AskAVerificationOnlyForLogThatIsMeantToBeThere) {
  EXPECT_EQ(log_behind(history(), backups[2].id), (std::vector{WalPart{Timeline(1), Lsn(420), Lsn(432)}}));
  EXPECT_EQ(log_behind(history(), backups[1].id), (std::vector{WalPart{Timeline(1), Lsn(710), Lsn(1000)}}));
}

// ---- objects
TEST(ReleasedLog, TakesWhatEndsBeforeItAndTouchesNothingThatIsKept) {
  const ReleasedLog released{Timeline(1), Lsn(100), {{Lsn(32), Lsn(48)}}};
  EXPECT_TRUE(released.takes(Lsn(0), Lsn(32)));
  EXPECT_FALSE(released.takes(Lsn(0), Lsn(33)));
  EXPECT_FALSE(released.takes(Lsn(36), Lsn(40)));
  EXPECT_FALSE(released.takes(Lsn(47), Lsn(60)));
  EXPECT_TRUE(released.takes(Lsn(48), Lsn(100)));
  EXPECT_FALSE(released.takes(Lsn(48), Lsn(101)));
  EXPECT_FALSE(released.takes(Lsn(20), Lsn(60))) << "around it";
}

}  // namespace
}  // namespace holdfast
