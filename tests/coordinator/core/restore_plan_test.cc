#include "coordinator/core/restore_plan.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

Timestamp at(std::int64_t seconds) {
  return Timestamp::from_micros(seconds * 1'000'000);
}
BackupId id(std::uint8_t n) {
  return BackupId({n});
}

Backup backup(std::uint8_t n, std::int64_t finished, std::uint64_t start, std::uint64_t stop,
              std::uint32_t timeline = 1) {
  Backup out;
  out.id = id(n);
  out.state = BackupState::complete;
  out.started_at = at(finished - 10);
  out.finished_at = at(finished);
  out.start_lsn = Lsn(start);
  out.stop_lsn = Lsn(stop);
  out.timeline = Timeline(timeline);
  return out;
}
WalRange range(std::uint64_t first, std::uint64_t last, std::int64_t from, std::int64_t through,
               std::uint32_t timeline = 1) {
  WalRange out;
  out.timeline = Timeline(timeline);
  out.first = Lsn(first);
  out.last = Lsn(last);
  out.from_time = at(from);
  out.through_time = at(through);
  return out;
}
TimelineChange change(std::uint32_t timeline, std::uint32_t parent, std::uint64_t lsn) {
  TimelineChange out;
  out.timeline = Timeline(timeline);
  out.parent = Timeline(parent);
  out.at = Lsn(lsn);
  return out;
}
RecoveryTarget to_time(std::int64_t seconds) {
  RecoveryTarget target;
  target.kind = TargetKind::time;
  target.time = at(seconds);
  return target;
}
RecoveryTarget to_lsn(std::uint64_t lsn) {
  RecoveryTarget target;
  target.kind = TargetKind::lsn;
  target.lsn = Lsn(lsn);
  return target;
}
RecoveryTarget latest() {
  return {};
}

// Two backups and a log without a gap from 100 to 900 and from second 50 to 1000.
DatabaseHistory plain() {
  DatabaseHistory history;
  history.name = "orders";
  history.backups = {backup(1, 100, 110, 120), backup(2, 500, 400, 410)};
  history.ranges = {range(100, 900, 50, 1000)};
  return history;
}

TEST(RestorePlan, TakesTheNewestBackupBeforeTheMoment) {
  struct Case {
    const char* name;
    RecoveryTarget target;
    std::uint8_t backup;
  };
  const Case cases[] = {
      {"latest", latest(), 2},
      {"after both", to_time(600), 2},
      {"at the second's end", to_time(500), 2},
      {"just before it", to_time(499), 1},
      {"at the first's end", to_time(100), 1},
      {"at the end of the log", to_time(1000), 2},
      {"position after both", to_lsn(500), 2},
      {"position between", to_lsn(409), 1},
      {"end of the log", to_lsn(900), 2},
  };
  for (const auto& c : cases) {
    const auto source = plan_source(plain(), c.target, std::nullopt);
    ASSERT_TRUE(source) << c.name << ": " << source.error().text();
    EXPECT_EQ(source->backup.id, id(c.backup)) << c.name;
    EXPECT_EQ(source->timeline, Timeline(1)) << c.name;
  }
}

TEST(RestorePlan, NamesTheNearestPointWhenItCannotBeReached) {
  struct Case {
    const char* name;
    RecoveryTarget target;
    std::string nearest;
  };
  const Case cases[] = {
      {"before the first backup", to_time(99), to_rfc3339(at(100))},
      {"after the log", to_time(1001), to_rfc3339(at(1000))},
      {"position before the first backup", to_lsn(119), "0/78"},
      {"position after the log", to_lsn(901), "0/384"},
  };
  for (const auto& c : cases) {
    const auto source = plan_source(plain(), c.target, std::nullopt);
    ASSERT_FALSE(source) << c.name;
    EXPECT_EQ(source.error().code, Code::not_restorable) << c.name;
    EXPECT_NE(source.error().hint.find(c.nearest), std::string::npos) << c.name << ": " << source.error().text();
    EXPECT_NE(source.error().message.find("orders"), std::string::npos);
  }
  DatabaseHistory empty = plain();
  empty.backups.clear();
  EXPECT_EQ(plan_source(empty, latest(), std::nullopt).error().code, Code::not_restorable);
}

TEST(RestorePlan, DoesNotCrossAGap) {
  DatabaseHistory history = plain();
  history.ranges = {range(100, 300, 50, 300), range(390, 900, 450, 1000)};
  EXPECT_EQ(plan_source(history, to_time(250), std::nullopt)->backup.id, id(1));
  const auto inside = plan_source(history, to_time(400), std::nullopt);
  ASSERT_FALSE(inside);
  EXPECT_NE(inside.error().hint.find(to_rfc3339(at(300))), std::string::npos) << inside.error().text();
  EXPECT_EQ(plan_source(history, to_time(600), std::nullopt)->backup.id, id(2));
}

TEST(RestorePlan, GoesByAnOlderBackupWhenTheNewestIsNotOnTheWay) {
  DatabaseHistory history = plain();
  history.backups.push_back(backup(3, 700, 500, 510, 2));  // a branch that was left
  history.ranges.push_back(range(450, 550, 600, 750, 2));
  history.ranges.push_back(range(800, 990, 1001, 1500, 3));
  history.switches = {change(2, 1, 480), change(3, 1, 900)};
  const auto source = plan_source(history, latest(), std::nullopt);
  ASSERT_TRUE(source) << source.error().text();
  EXPECT_EQ(source->backup.id, id(2));
  EXPECT_EQ(source->timeline, Timeline(3));
}

TEST(RestorePlan, FollowsAFailover) {
  DatabaseHistory history = plain();
  history.ranges.push_back(range(880, 1500, 1010, 2000, 2));
  history.switches = {change(2, 1, 900)};
  const auto after = plan_source(history, to_time(1500), std::nullopt);
  ASSERT_TRUE(after) << after.error().text();
  EXPECT_EQ(after->timeline, Timeline(2));
  EXPECT_EQ(after->backup.id, id(2));
  const auto between = plan_source(history, to_time(1005), std::nullopt);  // nobody was primary then
  ASSERT_TRUE(between) << between.error().text();
  EXPECT_EQ(between->timeline, Timeline(2));
  EXPECT_EQ(plan_source(history, to_lsn(1400), std::nullopt)->timeline, Timeline(2));
}

TEST(RestorePlan, BringsBackWhatARestoreToAnEarlierMomentUndid) {
  DatabaseHistory history = plain();
  history.ranges.push_back(range(600, 700, 1200, 1300, 2));  // restored to position 620, second 700
  history.switches = {change(2, 1, 620)};
  const auto undone = plan_source(history, to_time(900), std::nullopt);
  ASSERT_TRUE(undone) << undone.error().text();
  EXPECT_EQ(undone->timeline, Timeline(1));
  EXPECT_EQ(plan_source(history, to_time(1250), std::nullopt)->timeline, Timeline(2));
}

TEST(RestorePlan, GoesOnWithTheTimelineThatARollbackTookUpAgain) {
  DatabaseHistory history = plain();
  history.ranges.push_back(range(600, 700, 1200, 1300, 2));  // restored to position 620, rolled back at second 1300
  history.switches = {change(2, 1, 620)};
  history.ranges.push_back(range(900, 1100, 1000, 1500, 1));
  const auto again = plan_source(history, to_time(1400), std::nullopt);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->timeline, Timeline(1));
  EXPECT_EQ(plan_source(history, latest(), std::nullopt)->timeline, Timeline(1));
  EXPECT_EQ(recovery_window(history)->to, at(1500));
}

TEST(RestorePlan, TakesTheTimelineItIsTold) {
  DatabaseHistory history = plain();
  history.ranges.push_back(range(600, 700, 1200, 1300, 2));
  history.switches = {change(2, 1, 620)};
  RecoveryTarget target = latest();
  target.timeline = "1";
  EXPECT_EQ(plan_source(history, target, std::nullopt)->timeline, Timeline(1));
  target.timeline = "current";
  EXPECT_EQ(plan_source(history, target, std::nullopt)->timeline, Timeline(1));
  target.timeline = "latest";
  EXPECT_EQ(plan_source(history, target, std::nullopt)->timeline, Timeline(2));
  target.timeline = "7";
  EXPECT_EQ(plan_source(history, target, std::nullopt).error().code, Code::not_restorable);
  for (const char* bad : {"x", "0", "-1", "1x"}) {
    target.timeline = bad;
    EXPECT_EQ(plan_source(history, target, std::nullopt).error().code, Code::invalid) << bad;
  }
}

TEST(RestorePlan, TakesOnlyTheBackupThatWasAskedFor) {
  EXPECT_EQ(plan_source(plain(), latest(), id(1))->backup.id, id(1));
  EXPECT_EQ(plan_source(plain(), to_time(300), id(2)).error().code, Code::not_restorable);
  EXPECT_EQ(plan_source(plain(), latest(), id(9)).error().code, Code::not_found);
}

TEST(RestorePlan, IgnoresWhatIsNotComplete) {
  DatabaseHistory history = plain();
  history.backups[1].state = BackupState::running;
  EXPECT_EQ(plan_source(history, latest(), std::nullopt)->backup.id, id(1));
}

TEST(RestorePlan, KnowsThatABackupBringsItsOwnLog) {
  DatabaseHistory history = plain();
  history.ranges.clear();  // no heartbeat has come yet
  EXPECT_EQ(plan_source(history, latest(), std::nullopt)->backup.id, id(2));
  EXPECT_EQ(plan_source(history, to_time(500), std::nullopt)->backup.id, id(2));
  EXPECT_EQ(plan_source(history, to_time(501), std::nullopt).error().code, Code::not_restorable);
  EXPECT_EQ(plan_source(history, to_lsn(410), std::nullopt)->backup.id, id(2));
}

TEST(RestorePlan, SaysWhatCannotBeKnownBeforehand) {
  RecoveryTarget target;
  target.kind = TargetKind::name;
  target.text = "before upgrade";
  const auto source = plan_source(plain(), target, std::nullopt);
  ASSERT_TRUE(source);
  EXPECT_EQ(source->notes.size(), 1U);
}

TEST(RestorePlan, RestoresSqliteToTheLatestBackupBeforeTheMoment) {
  DatabaseHistory history = plain();
  history.engine = Engine::sqlite;
  history.ranges.clear();
  EXPECT_EQ(plan_source(history, to_time(499), std::nullopt)->backup.id, id(1));
  EXPECT_EQ(plan_source(history, to_time(5000), std::nullopt)->backup.id, id(2));
  EXPECT_EQ(plan_source(history, latest(), std::nullopt)->backup.id, id(2));
  const auto early = plan_source(history, to_time(99), std::nullopt);
  EXPECT_EQ(early.error().code, Code::not_restorable);
  EXPECT_NE(early.error().hint.find(to_rfc3339(at(100))), std::string::npos);
  EXPECT_EQ(plan_source(history, to_lsn(100), std::nullopt).error().code, Code::invalid);
}

TEST(RecoveryWindow, GoesFromTheFirstBackupToTheEndOfTheLog) {
  const auto window = recovery_window(plain());
  ASSERT_TRUE(window);
  EXPECT_EQ(window->from, at(100));
  EXPECT_EQ(window->to, at(1000));
  EXPECT_EQ(window->through_lsn, Lsn(900));
  EXPECT_TRUE(window->gaps.empty());
}

TEST(RecoveryWindow, ListsItsGaps) {
  DatabaseHistory history = plain();
  history.ranges = {range(100, 300, 50, 300), range(390, 900, 450, 1000)};
  const auto window = recovery_window(history);
  ASSERT_TRUE(window);
  EXPECT_EQ(window->from, at(100));
  EXPECT_EQ(window->to, at(1000));
  ASSERT_EQ(window->gaps.size(), 1U);
  EXPECT_EQ(window->gaps[0].from, at(300));
  EXPECT_EQ(window->gaps[0].to, at(500));
  EXPECT_EQ(window->gaps[0].from_lsn, Lsn(300));
}

// The backup's end and the log's times are read at different moments.
TEST(RecoveryWindow, HasNoGapBeforeABackupThatTheLogHasPassedAlready) {
  DatabaseHistory history = plain();
  history.backups[1] = backup(2, 1005, 400, 410);
  const auto window = recovery_window(history);
  ASSERT_TRUE(window);
  EXPECT_TRUE(window->gaps.empty());
  EXPECT_EQ(window->to, at(1005));
  // Of another timeline positions say nothing.
  history.backups[1] = backup(2, 1005, 400, 410, 2);
  EXPECT_EQ(recovery_window(history)->gaps.size(), 1U);
}

TEST(RecoveryWindow, DoesNotExistWithoutABackup) {
  DatabaseHistory history = plain();
  history.backups.clear();
  EXPECT_FALSE(recovery_window(history));
}

TEST(OpenGap, IsThereUntilABackupBehindItIsComplete) {
  DatabaseHistory history = plain();
  EXPECT_FALSE(open_gap(history));
  history.ranges = {range(100, 600, 50, 700), range(650, 900, 800, 1000)};
  const auto gap = open_gap(history);
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->reachable, at(700));
  EXPECT_EQ(gap->from, Lsn(600));
  EXPECT_EQ(gap->to, Lsn(650));
  history.backups.push_back(backup(3, 950, 640, 660));
  history.backups.back().state = BackupState::running;
  EXPECT_TRUE(open_gap(history));
  history.backups.back() = backup(3, 950, 700, 710);
  EXPECT_FALSE(open_gap(history));
}

TEST(OpenGap, IsNoneWhereTheLogGoesOnOnAnotherTimeline) {
  DatabaseHistory history = plain();
  history.ranges.push_back(range(850, 950, 1010, 1200, 2));
  EXPECT_FALSE(open_gap(history)) << "where the timeline came from is not known yet";
  history.switches = {change(2, 1, 880)};
  EXPECT_FALSE(open_gap(history));
  history.ranges.back().first = Lsn(890);
  EXPECT_TRUE(open_gap(history));
}

TEST(OpenGap, IsNoneAfterARollback) {
  DatabaseHistory history = plain();
  history.switches = {change(2, 1, 600)};
  history.ranges = {range(100, 1500, 50, 2000), range(550, 950, 1010, 1200, 2)};
  EXPECT_FALSE(open_gap(history));
}

WalPart part(std::uint32_t timeline, std::uint64_t first, std::uint64_t last) {
  return {Timeline(timeline), Lsn(first), Lsn(last)};
}

TEST(LogBehindABackup, GoesFromItsEndThroughTheLastThatIsKnownGapOrNot) {
  DatabaseHistory history;
  history.backups = {backup(1, 100, 100, 200), backup(2, 500, 600, 700)};
  history.ranges = {range(100, 300, 50, 300), range(400, 900, 400, 1000)};
  EXPECT_EQ(log_behind(history, id(1)), std::vector{part(1, 200, 900)});
  EXPECT_EQ(log_behind(history, id(2)), std::vector{part(1, 700, 900)});
  EXPECT_TRUE(log_behind(history, id(3)).empty());
  history.engine = Engine::sqlite;
  EXPECT_TRUE(log_behind(history, id(1)).empty());
}

TEST(LogBehindABackup, FollowsTheTimelinesToTheOneThatIsWritten) {
  DatabaseHistory history;
  history.backups = {backup(1, 100, 100, 200), backup(2, 500, 600, 700)};
  history.ranges = {range(100, 800, 50, 600), range(320, 900, 650, 1000, 2)};
  history.switches = {change(2, 1, 400)};
  EXPECT_EQ(log_behind(history, id(1)), (std::vector{part(1, 200, 400), part(2, 400, 900)}));
  // Taken behind the switch on the old timeline: what is written now does not come from it.
  EXPECT_EQ(log_behind(history, id(2)), std::vector{part(1, 700, 800)});
  // The old primary's last pieces never arrived: the new timeline's first segment repeats them.
  history.ranges[0].last = Lsn(350);
  history.backups.pop_back();
  EXPECT_EQ(log_behind(history, id(1)), (std::vector{part(1, 200, 350), part(2, 350, 900)}));
}

TEST(NeededEpochs, AreThoseInUseSinceTheBackupBegan) {
  const NodeId a({1});
  const NodeId b({2});
  const auto epoch = [](std::uint8_t n) { return EpochId({n}); };
  const std::vector<EpochMoment> epochs = {{epoch(1), a, at(10)}, {epoch(2), a, at(20)}, {epoch(3), a, at(30)},
                                           {epoch(4), b, at(5)},  {epoch(5), b, at(15)}, {epoch(6), b, at(40)}};
  EXPECT_EQ(needed_epochs({epoch(2)}, at(25), Engine::postgres, epochs),
            (std::vector<EpochId>{epoch(2), epoch(3), epoch(5), epoch(6)}));
  EXPECT_EQ(needed_epochs({epoch(1)}, at(25), Engine::sqlite, epochs), std::vector<EpochId>{epoch(1)});
}

}  // namespace
}  // namespace holdfast
