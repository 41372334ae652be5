// What a catalog is made of again: the stores' records, and what the checkpoint remembers beside them.
#include "coordinator/rebuild/rebuilt_rows.h"

#include <gmock/gmock.h>

#include "coordinator/catalog/keys.h"
#include "coordinator/catalog/rows.h"
#include "shared/wire/codec.h"
#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class RebuiltRows : public testing::Test {
 protected:
  RebuiltRows() { stored_ = read_stored_database(stores_, fleet_.anchor(), fleet_.database).value(); }
  Backup known_backup(BackupId id) const {
    Backup backup;
    backup.id = id;
    backup.database = fleet_.database;
    backup.state = BackupState::complete;
    backup.started_at = backup_.record.started_at;
    return backup;
  }
  template <class Row>
  std::vector<Row> put(Family family, const std::set<std::string>& unread = {}) const {
    std::vector<Row> rows;
    for (const auto& change : rebuilt_rows(known_, stored_, unread)) {
      if (change.family == family && change.value) rows.push_back(decode_value<Row>(*change.value).value());
    }
    return rows;
  }
  std::vector<Bytes> removed(Family family) const {
    std::vector<Bytes> keys;
    for (const auto& change : rebuilt_rows(known_, stored_, {})) {
      if (change.family == family && !change.value) keys.push_back(change.key);
    }
    return keys;
  }

  TestFleet fleet_;
  std::shared_ptr<MemoryStore> one_ = std::make_shared<MemoryStore>();
  std::vector<NamedStore> stores_{{"one", one_}};
  TestBackup backup_{fleet_, StoreSet(stores_, 1)};
  KnownDatabase known_;
  StoredDatabase stored_;
};

TEST_F(RebuiltRows, ABackupIsWhatItsRecordSays) {
  const auto rows = put<Backup>(Family::backups);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].id, backup_.id);
  EXPECT_EQ(rows[0].state, BackupState::complete);
  EXPECT_EQ(rows[0].finished_at, fleet_.from);
  EXPECT_EQ(rows[0].record, one_->get(record_name(fleet_.database, backup_.id)).value());
  EXPECT_THAT(rows[0].copies, ElementsAre(BackupCopy{"one", "ok"}));
  EXPECT_EQ(put<EpochInfo>(Family::epochs).size(), 1U);
}

TEST_F(RebuiltRows, HoldsAndWhatVerificationsFoundComeFromTheCheckpoint) {
  Backup known = known_backup(backup_.id);
  known.keep = true;
  known.verified_at = fleet_.until;
  known.copies = {{"one", "damaged"}, {"away", "ok"}, {"gone", "ok"}};
  known_.backups = {known};
  const auto rows = put<Backup>(Family::backups, {"away"});
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(rows[0].keep);
  EXPECT_EQ(rows[0].verified_at, fleet_.until);
  EXPECT_THAT(rows[0].copies, ElementsAre(BackupCopy{"one", "damaged"}, BackupCopy{"away", "ok"}));
}

TEST_F(RebuiltRows, ABackupWithoutARecordAnywhereIsTakenOut) {
  const Backup lost = known_backup(BackupId({9}));
  Backup failed = known_backup(BackupId({8}));
  failed.state = BackupState::failed;
  known_.backups = {lost, failed};
  EXPECT_THAT(removed(Family::backups), ElementsAre(put_row(lost).key)) << "what failed never had one";
}

TEST_F(RebuiltRows, AReleaseThatWasCutOffGoesOn) {
  Backup known = known_backup(backup_.id);
  known.state = BackupState::released;
  known.reason = "older than 7 days";
  known_.backups = {known};
  auto rows = put<Backup>(Family::backups);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].state, BackupState::released);
  EXPECT_EQ(rows[0].reason, known.reason);
  EXPECT_FALSE(rows[0].record.empty()) << "its removal needs the record";
  known_.backups.clear();
  std::swap(stored_.backups, stored_.released);
  rows = put<Backup>(Family::backups);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].state, BackupState::released);
}

TEST_F(RebuiltRows, ABackupThatWasRunningHasMovedToItsRealBeginning) {
  Backup known = known_backup(backup_.id);
  known.state = BackupState::running;
  known.started_at = fleet_.until;
  known_.backups = {known};
  EXPECT_THAT(removed(Family::backups), ElementsAre(put_row(known).key));
  EXPECT_EQ(put<Backup>(Family::backups).size(), 1U);
}

TEST_F(RebuiltRows, LogIsWhatTheStoresHave) {
  WalRange stored;
  stored.database = fleet_.database;
  stored.timeline = Timeline(1);
  stored.first = Lsn(10);
  stored.last = Lsn(50);
  stored.through_time = fleet_.from;
  stored_.wal = {stored};
  WalRange known = stored;
  known.first = Lsn(20);
  known.through_time = fleet_.until;  // an idle database: time went on, the log did not
  known_.wal = {known};
  auto rows = put<WalRange>(Family::wal_ranges);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].first, Lsn(10));
  EXPECT_EQ(rows[0].through_time, fleet_.until);
  known_.wal[0].last = Lsn(90);
  rows = put<WalRange>(Family::wal_ranges);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].last, Lsn(50)) << "what no store has cannot be restored";
  EXPECT_EQ(rows[0].through_time, fleet_.from);
}

TEST_F(RebuiltRows, ADatabaseThatTheCheckpointLacksIsMadeOfItsNewestBackup) {
  const auto database = database_from_store(stored_);
  ASSERT_TRUE(database);
  EXPECT_EQ(database->name, "orders");
  EXPECT_EQ(database->engine, Engine::sqlite);
  ASSERT_EQ(database->members.size(), 1U);
  EXPECT_EQ(database->members[0].node, fleet_.node);
  EXPECT_TRUE(database->members[0].found.key.starts_with("sqlite:")) << "as its agent calls it";
  EXPECT_FALSE(database_from_store({}));
}

TEST_F(RebuiltRows, ANodeThatTheCheckpointLacksIsMadeOfItsCertificate) {
  const auto nodes = nodes_from_store(stored_, fleet_.root.public_key);
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].id, fleet_.node);
  EXPECT_EQ(nodes[0].name, "db3");
  EXPECT_EQ(nodes[0].curve, fleet_.curve.public_key);
  EXPECT_EQ(nodes[0].chain, fleet_.chain.encode());
  const TestFleet other(2);
  EXPECT_THAT(nodes_from_store(stored_, other.root.public_key), IsEmpty());
}

}  // namespace
}  // namespace holdfast
