// What is read of a database in its stores: what is sound counts, what is not is named.
#include "coordinator/rebuild/stored_database.h"

#include <gmock/gmock.h>

#include "shared/repository/wal_object.h"
#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class StoredDatabaseRead : public testing::Test {
 protected:
  StoredDatabase read() {
    auto found = read_stored_database(stores_, fleet_.anchor(), fleet_.database);
    EXPECT_THAT(found, Succeeded());
    return found.value_or(StoredDatabase{});
  }
  Bytes released_mark(const SignKeyPair& signer) {
    return encode_released({fleet_.fleet, fleet_.database, backup_.id, 41, fleet_.from, "old"},
                           fleet_.chain.intermediate, signer);
  }
  void put_wal(std::uint64_t first, std::uint64_t last) {
    WalHeader header;
    header.fleet = fleet_.fleet;
    header.database = fleet_.database;
    header.node = fleet_.node;
    header.epoch = fleet_.epoch.key.id;
    header.timeline = Timeline(1);
    header.first = Lsn(first);
    header.last = Lsn(last);
    header.received_from = fleet_.from;
    header.recoverable_through = fleet_.until;
    FrameEncoder encoder(1);
    const auto object = encode_wal_object(header, fleet_.random_bytes(last - first), fleet_.epoch.key, fleet_.signer,
                                          fleet_.entropy, encoder);
    ASSERT_THAT(object, Succeeded());
    ASSERT_THAT(one_->put(wal_name(fleet_.database, Timeline(1), Lsn(first), Lsn(last)), object->object), Succeeded());
  }

  TestFleet fleet_;
  std::shared_ptr<MemoryStore> one_ = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> two_ = std::make_shared<MemoryStore>();
  std::vector<NamedStore> stores_{{"one", one_}, {"two", two_}};
  TestBackup backup_{fleet_, StoreSet(stores_, 2)};
};

TEST_F(StoredDatabaseRead, FindsBackupsTheirCopiesAndTheNodesKeys) {
  EXPECT_EQ(databases_in(stores_).value(), std::set{fleet_.database});
  const StoredDatabase found = read();
  ASSERT_EQ(found.backups.size(), 1U);
  EXPECT_EQ(found.backups[0].record.backup, backup_.id);
  EXPECT_THAT(found.backups[0].copies, ElementsAre(BackupCopy{"one", "ok"}, BackupCopy{"two", "ok"}));
  ASSERT_EQ(found.epochs.size(), 1U);
  EXPECT_EQ(found.epochs[0].node, fleet_.node);
  EXPECT_THAT(found.problems, IsEmpty());
}

TEST_F(StoredDatabaseRead, ACopyIsAsWholeAsItsObjects) {
  ASSERT_THAT(one_->remove(pack_name(fleet_.database, backup_.id, 0)), Succeeded());
  two_->overwrite(manifest_name(fleet_.database, backup_.id), Bytes(3, 0));
  const StoredDatabase found = read();
  ASSERT_EQ(found.backups.size(), 1U);
  EXPECT_THAT(found.backups[0].copies, ElementsAre(BackupCopy{"one", "missing"}, BackupCopy{"two", "damaged"}));
  ASSERT_EQ(found.problems.size(), 1U);
  EXPECT_EQ(found.problems[0].store, "two");
}

TEST_F(StoredDatabaseRead, CountsObjectsOfBackupsThatHaveNoRecordAnywhere) {
  EXPECT_THAT(read().unrecorded, IsEmpty());
  const BackupId cut_off = fleet_.entropy.id<BackupId>();
  ASSERT_THAT(two_->put(pack_name(fleet_.database, cut_off, 0), as_bytes("pack")), Succeeded());
  ASSERT_THAT(two_->put(pack_name(fleet_.database, cut_off, 1), as_bytes("pack")), Succeeded());
  ASSERT_THAT(one_->put(pack_name(fleet_.database, cut_off, 1), as_bytes("pack")), Succeeded());
  EXPECT_THAT(read().unrecorded, ElementsAre(testing::Pair(cut_off, 2U)));
  const std::string record = record_name(fleet_.database, backup_.id);
  ASSERT_THAT(one_->remove(record), Succeeded());
  EXPECT_THAT(read().unrecorded, testing::SizeIs(1)) << "the other store has it";
  ASSERT_THAT(two_->remove(record), Succeeded());
  EXPECT_THAT(read().unrecorded, testing::SizeIs(2));
}

TEST_F(StoredDatabaseRead, ADamagedRecordIsNamedAndTheOtherStoresOneCounts) {
  one_->overwrite(record_name(fleet_.database, backup_.id), Bytes(200, 7));
  const StoredDatabase found = read();
  ASSERT_EQ(found.backups.size(), 1U);
  EXPECT_EQ(found.backups[0].copies[0].state, "damaged");
  EXPECT_EQ(found.backups[0].copies[1].state, "ok");
  ASSERT_FALSE(found.problems.empty());
  EXPECT_EQ(found.problems[0].object, record_name(fleet_.database, backup_.id));
}

TEST_F(StoredDatabaseRead, ARecordOfAnotherFleetIsNoBackup) {
  const TestFleet other(2);
  const auto found = read_stored_database(stores_, other.anchor(), fleet_.database);
  ASSERT_THAT(found, Succeeded());
  EXPECT_THAT(found->backups, IsEmpty());
  EXPECT_FALSE(found->problems.empty());
}

TEST_F(StoredDatabaseRead, OnlyAMarkOfTheCoordinatorReleases) {
  one_->overwrite(released_name(fleet_.database, backup_.id), released_mark(fleet_.signer));
  EXPECT_EQ(read().backups.size(), 1U) << "a node signed it";
  one_->overwrite(released_name(fleet_.database, backup_.id), released_mark(fleet_.intermediate));
  const StoredDatabase found = read();
  EXPECT_THAT(found.backups, IsEmpty());
  EXPECT_EQ(found.released.size(), 1U) << "its removal was cut off, and must go on";
  EXPECT_EQ(found.newest_coordinator, 41U);
}

TEST_F(StoredDatabaseRead, LogIsReadByNamesAndTheSignedHeadersAtItsEnds) {
  put_wal(100, 200);
  put_wal(200, 300);
  const StoredDatabase found = read();
  ASSERT_EQ(found.wal.size(), 1U);
  EXPECT_EQ(found.wal[0].first, Lsn(100));
  EXPECT_EQ(found.wal[0].last, Lsn(300));
  EXPECT_EQ(found.wal[0].from_time, fleet_.from);
  EXPECT_EQ(found.wal[0].through_time, fleet_.until);
}

TEST_F(StoredDatabaseRead, HistoriesSayWhereATimelineBegan) {
  ASSERT_THAT(one_->put(history_name(fleet_.database, Timeline(2)), as_bytes("1\t0/3000000\tno recovery target\n")),
              Succeeded());
  ASSERT_THAT(one_->put(history_name(fleet_.database, Timeline(3)), as_bytes("nonsense\n")), Succeeded());
  const StoredDatabase found = read();
  EXPECT_THAT(found.timelines, ElementsAre(TimelineChange{fleet_.database, Timeline(2), Timeline(1), Lsn(0x3000000)}));
  EXPECT_EQ(found.problems.size(), 1U);
}

}  // namespace
}  // namespace holdfast
