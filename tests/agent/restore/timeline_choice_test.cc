#include "agent/restore/timeline_choice.h"

#include <gmock/gmock.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using ::testing::ElementsAre;

Timestamp second(std::int64_t n) {
  return Timestamp::from_micros(n * 1'000'000);
}
WalTimeline timeline(std::uint32_t number, std::int64_t begun, std::int64_t received, std::int64_t recoverable) {
  return {Timeline(number), second(begun), second(received), second(recoverable)};
}
BackupRecord backup(std::uint8_t id, std::uint32_t on, std::uint64_t stop, std::int64_t finished) {
  BackupRecord record;
  record.backup = BackupId({id});
  record.timeline = Timeline(on);
  record.stop_lsn = Lsn(stop);
  record.started_at = record.finished_at = second(finished);
  return record;
}
// Timeline 2 left timeline 1 at 0/600.
Result<TimelineHistory> history(Timeline timeline) {
  if (timeline == Timeline(1)) return TimelineHistory();
  if (timeline == Timeline(2)) return TimelineHistory::parse(timeline, "1\t0/600\trestore\n");
  return TimelineHistory(timeline);
}
RecoveryTarget at(std::int64_t time) {
  RecoveryTarget target;
  target.kind = TargetKind::time;
  target.time = second(time);
  return target;
}

// Restored at 100 to what is now timeline 2, rolled back at 200: timeline 1 goes on.
const std::vector<WalTimeline> rolled_back{timeline(1, 10, 300, 290), timeline(2, 100, 200, 190)};

TEST(CurrentTimeline, IsTheOneThatWasWrittenLast) {
  EXPECT_EQ(current_timeline({}), Timeline(1));
  EXPECT_EQ(current_timeline({timeline(1, 10, 99, 98), timeline(2, 100, 200, 190)}), Timeline(2));
  EXPECT_EQ(current_timeline(rolled_back), Timeline(1));
  EXPECT_EQ(current_timeline({timeline(1, 10, 99, 98), timeline(2, 100, 101, 0)}), Timeline(2))
      << "what has just begun cannot prove much yet";
}

TEST(TimelinesAtATime, AreThoseThatWereWrittenThen) {
  EXPECT_THAT(timelines_at(rolled_back, second(50)), ElementsAre(Timeline(1)));
  EXPECT_THAT(timelines_at(rolled_back, second(150)), ElementsAre(Timeline(2)));
  EXPECT_THAT(timelines_at(rolled_back, second(250)), ElementsAre(Timeline(2), Timeline(1)));
  // Between a failure and the promotion.
  const std::vector<WalTimeline> failed_over{timeline(1, 10, 80, 80), timeline(2, 100, 200, 190)};
  EXPECT_THAT(timelines_at(failed_over, second(90)), ElementsAre(Timeline(1), Timeline(2)));
}

TEST(RestoreSources, GoAlongWhatIsWrittenNow) {
  const std::vector<BackupRecord> backups{backup(1, 1, 0x500, 50), backup(2, 2, 0x900, 150)};
  const auto latest = choose_source(backups, rolled_back, {}, "", history);
  ASSERT_THAT(latest, Succeeded());
  EXPECT_EQ(latest->timeline, Timeline(1));
  EXPECT_EQ(latest->backup.backup, backups[0].backup) << "the newer one is of what was undone";
  const auto undone = choose_source(backups, rolled_back, at(160), "", history);
  ASSERT_THAT(undone, Succeeded());
  EXPECT_EQ(undone->timeline, Timeline(2));
  EXPECT_EQ(undone->backup.backup, backups[1].backup);
  const auto later = choose_source(backups, rolled_back, at(250), "", history);
  ASSERT_THAT(later, Succeeded());
  EXPECT_EQ(later->timeline, Timeline(1));
  EXPECT_EQ(choose_source(backups, rolled_back, at(999), "", history)->timeline, Timeline(1));
}

TEST(RestoreSources, PassByABackupThatEndsBehindTheSwitch) {
  const std::vector<BackupRecord> backups{backup(1, 1, 0x500, 50), backup(2, 1, 0x700, 90)};
  const std::vector<WalTimeline> timelines{timeline(1, 10, 99, 98), timeline(2, 100, 200, 190)};
  EXPECT_EQ(choose_source(backups, timelines, {}, "", history)->backup.backup, backups[0].backup);
}

TEST(RestoreSources, ObeyTheNamedTimelineAndBackup) {
  const std::vector<BackupRecord> backups{backup(1, 1, 0x500, 50), backup(2, 2, 0x900, 150)};
  RecoveryTarget target;
  target.timeline = "latest";
  EXPECT_EQ(choose_source(backups, rolled_back, target, "", history)->timeline, Timeline(2));
  target.timeline = "2";
  EXPECT_EQ(choose_source(backups, rolled_back, target, "", history)->backup.backup, backups[1].backup);
  target.timeline = "current";
  EXPECT_EQ(choose_source(backups, rolled_back, target, backups[0].backup.text(), history)->timeline, Timeline(1));
  target.timeline.clear();
  EXPECT_EQ(choose_source(backups, rolled_back, target, backups[1].backup.text(), history)->timeline, Timeline(2));
  target.timeline = "x";
  EXPECT_FALSE(choose_source(backups, rolled_back, target, "", history));
}

TEST(RestoreSources, NameWhatThereIsWhenNoBackupLeadsThere) {
  const std::vector<BackupRecord> backups{backup(2, 2, 0x900, 150)};
  const auto refused = choose_source(backups, rolled_back, {}, "", history);
  EXPECT_THAT(refused, FailedWith(Code::not_restorable, "no backup leads to timeline 1"));
  EXPECT_THAT(refused.error().hint, ::testing::HasSubstr("--timeline 2"));
  EXPECT_THAT(choose_source({}, rolled_back, {}, "", history), FailedWith(Code::not_restorable));
  EXPECT_THAT(choose_source(backups, rolled_back, at(20), "", history),
              FailedWith(Code::not_restorable, "first point"));
}

}  // namespace
}  // namespace holdfast
