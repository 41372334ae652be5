// A catalog and the stores, both ways.
#include "coordinator/rebuild/differences.h"

#include <gmock/gmock.h>

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using enum DifferenceKind;

class Differences : public testing::Test {
 protected:
  Differences() {
    stored_.id = id_;
    stored_.record.emplace();
    stored_.record->name = "orders";
    known_.row.emplace();
    known_.row->id = id_;
    known_.row->name = "orders";
    add_known(1);
    add_stored(1);
  }
  void add_known(std::uint8_t number) {
    Backup backup;
    backup.id = BackupId({number});
    backup.database = id_;
    backup.state = BackupState::complete;
    backup.copies = {{"local", "ok"}};
    known_.backups.push_back(backup);
  }
  void add_stored(std::uint8_t number) {
    StoredBackup backup;
    backup.record.backup = BackupId({number});
    backup.copies = {{"local", "ok"}};
    stored_.backups.push_back(backup);
  }
  static WalRange range(std::uint64_t first, std::uint64_t last) {
    WalRange out;
    out.timeline = Timeline(1);
    out.first = Lsn(first);
    out.last = Lsn(last);
    return out;
  }
  // "missing backup", ...
  std::vector<std::string> found(const std::set<std::string>& unread = {}) const {
    std::vector<std::string> out;
    for (const auto& difference : compare(known_, stored_, unread, young_since_)) {
      EXPECT_EQ(difference.database_name, "orders");
      out.push_back(std::string(word(difference.kind)) + " " + difference.what);
    }
    return out;
  }

  const DatabaseId id_{{9}};
  Timestamp young_since_ = Timestamp::from_micros(1000);
  KnownDatabase known_;
  StoredDatabase stored_;
};

TEST_F(Differences, ThereAreNoneWhenBothSayTheSame) {
  known_.wal = {range(10, 30)};
  stored_.wal = {range(10, 30)};
  known_.timelines = stored_.timelines = {{id_, Timeline(2), Timeline(1), Lsn(20)}};
  known_.epochs = {EpochId({4})};
  stored_.epochs.emplace_back().info.id = EpochId({4});
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Differences, ABackupOnOneSideOnly) {
  add_known(2);
  add_stored(3);
  EXPECT_THAT(found(), ElementsAre("missing backup", "unknown backup"));
}

TEST_F(Differences, ObjectsWithoutARecordOfABackupThatNobodyKnows) {
  stored_.unrecorded = {{BackupId({7}), 3}};
  EXPECT_THAT(found(), ElementsAre("unknown backup"));
  for (const BackupState state : {BackupState::running, BackupState::failed}) {
    KnownDatabase before = known_;
    add_known(7);
    known_.backups.back().state = state;
    EXPECT_THAT(found(), IsEmpty()) << "it runs, or is swept away";
    known_ = std::move(before);
  }
  add_known(7);
  EXPECT_THAT(found(), ElementsAre("missing backup")) << "it is one that has lost its record";
}

TEST_F(Differences, WhatMayLieInAStoreThatWasNotReadIsNotMissing) {
  add_known(2);
  known_.wal = {range(10, 30)};
  known_.timelines = {{id_, Timeline(2), Timeline(1), Lsn(20)}};
  EXPECT_THAT(found({"local"}), IsEmpty());
}

TEST_F(Differences, ACopyThatIsNotWholeOrHasAnotherSize) {
  stored_.backups[0].copies[0].state = "missing";
  EXPECT_THAT(found(), ElementsAre("missing backup"));
  stored_.backups[0].copies.clear();
  EXPECT_THAT(found(), ElementsAre("missing backup"));
  stored_.backups[0].copies = {{"local", "ok"}, {"offsite", "ok"}};
  EXPECT_THAT(found(), ElementsAre("unknown backup"));
}

TEST_F(Differences, AFailedBackupWithARecordAndAReleasedOneWithAMark) {
  known_.backups[0].state = BackupState::failed;
  EXPECT_THAT(found(), ElementsAre("differs backup"));
  known_.backups[0].state = BackupState::complete;
  stored_.backups.clear();
  stored_.marked = {BackupId({1})};
  EXPECT_THAT(found(), ElementsAre("differs backup"));
  known_.backups[0].state = BackupState::released;
  EXPECT_THAT(found(), IsEmpty());
}

TEST_F(Differences, LogThatIsGoneAndLogThatGoesOn) {
  known_.wal = {range(10, 30)};
  stored_.wal = {range(5, 15), range(20, 99)};
  EXPECT_THAT(found(), ElementsAre("missing log")) << "what goes on before and behind is on its way";
  stored_.wal = {range(10, 30), range(40, 50)};
  EXPECT_THAT(found(), ElementsAre("unknown log"));
}

TEST_F(Differences, WhatTheStoresGotJustNowMayNotHaveBeenToldYet) {
  add_stored(2);
  stored_.backups.back().record.finished_at = young_since_;
  stored_.wal = {range(10, 30)};
  stored_.wal[0].through_time = young_since_;
  known_.epochs.emplace();
  stored_.epochs.emplace_back().created_at = young_since_;
  EXPECT_THAT(found(), IsEmpty());
  young_since_ = Timestamp::from_micros(2000);
  EXPECT_THAT(found(), ElementsAre("unknown backup", "unknown log", "unknown data key"));
}

TEST_F(Differences, DataKeysAndTimelines) {
  known_.epochs = {EpochId({4})};
  stored_.epochs.emplace_back().info.id = EpochId({5});
  known_.timelines = {{id_, Timeline(2), Timeline(1), Lsn(20)}};
  stored_.timelines = {{id_, Timeline(2), Timeline(1), Lsn(21)}, {id_, Timeline(3), Timeline(2), Lsn(30)}};
  EXPECT_THAT(found(), ElementsAre("differs timeline", "unknown timeline", "missing data key", "unknown data key"));
  known_.epochs.reset();
  EXPECT_THAT(found(), ElementsAre("differs timeline", "unknown timeline"));
}

TEST_F(Differences, AnObjectThatDoesNotDoIsNamed) {
  stored_.problems = {{"local", "x/y", "it is cut short"}};
  EXPECT_THAT(found(), ElementsAre("damaged object"));
}

TEST_F(Differences, TheUncoveredPartsOfARange) {
  const auto gaps = uncovered(range(10, 50), {range(0, 12), range(20, 30), range(25, 40), range(60, 70)});
  ASSERT_EQ(gaps.size(), 2U);
  EXPECT_EQ(gaps[0].first, Lsn(12));
  EXPECT_EQ(gaps[0].last, Lsn(20));
  EXPECT_EQ(gaps[1].first, Lsn(40));
  EXPECT_EQ(gaps[1].last, Lsn(50));
  EXPECT_THAT(uncovered(range(10, 50), {range(10, 50)}), IsEmpty());
  WalRange other = range(10, 50);
  other.timeline = Timeline(2);
  EXPECT_EQ(uncovered(range(10, 50), {other}).size(), 1U);
}

}  // namespace
}  // namespace holdfast
