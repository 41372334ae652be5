// The worker's part of the sweep, on real directories with real records.
#include <gmock/gmock.h>
#include <poll.h>

#include "coordinator/core/stray_rules.h"
#include "coordinator/shell/worker.h"
#include "shared/os/posix_file_system.h"
#include "shared/repository/verify.h"
#include "shared/store/posix_store.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/temporary_directory.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

bool never() {
  return false;
}

class SweepWork : public testing::Test {
 protected:
  SweepWork() {
    for (const std::string name : {"local", "offsite"}) {
      stores_[name] = std::make_shared<PosixStore>(files_, directory_ / name, PosixFirstUse{});
      StoreInfo info;
      info.name = name;
      infos_.push_back(info);
      EXPECT_TRUE(stores_[name]->put(epoch_name(fleet_.database, fleet_.epoch.key.id), fleet_.epoch.object));
    }
    backup_.emplace(fleet_, both());
    for (const std::uint32_t number : {0U, 1U}) {
      EXPECT_TRUE(both().put(pack_name(fleet_.database, stray_, number), as_bytes("what was written before the end")));
    }
  }
  StoreSet both() const { return StoreSet({{"local", stores_.at("local")}, {"offsite", stores_.at("offsite")}}, 2); }
  OpenStore opener() {
    return [this](const StoreInfo& info) -> Result<std::shared_ptr<Store>> { return stores_.at(info.name); };
  }
  ListBackups to_list() const { return {fleet_.fleet, fleet_.root.public_key, fleet_.database, infos_}; }
  BackupsListed list() { return list_backup_objects(to_list(), opener(), never).value(); }
  // As the core decides, long after it failed.
  RemoveStrays to_remove() {
    StrayInput input;
    const BackupsListed listed = list();
    input.database = fleet_.database;
    input.stores = listed.stores;
    input.needed = listed.needed;
    input.now = fleet_.from;
    input.known[stray_] = {BackupState::failed, fleet_.node, {}, false};
    input.nodes[fleet_.node].gone = true;
    const auto decided = decide_strays(input).remove;
    EXPECT_EQ(decided.size(), 1U);
    return {fleet_.database, stray_, decided.at(0).why, infos_, decided.at(0).stores};
  }
  bool has_pack(const std::string& store) const {
    return stores_.at(store)->stat(pack_name(fleet_.database, stray_, 0)).value().has_value();
  }
  void expect_sound_backup() {
    const auto report = verify_backup(both(), fleet_.anchor(), fleet_.database, backup_->id, &fleet_.ring, {});
    ASSERT_TRUE(report) << report.error().text();
    EXPECT_THAT(report->findings, IsEmpty());
  }

  TemporaryDirectory directory_;
  PosixFileSystem files_;
  TestFleet fleet_;
  std::map<std::string, std::shared_ptr<Store>> stores_;
  std::vector<StoreInfo> infos_;
  std::optional<TestBackup> backup_;
  BackupId stray_ = fleet_.entropy.id<BackupId>();
};

TEST_F(SweepWork, CountsAllThatADatabaseHasInEachStore) {
  const BackupsListed listed = list();
  ASSERT_EQ(listed.use.size(), 2U);
  std::uint64_t bytes = 0;
  const auto objects = stores_.at("local")->list(database_prefix(fleet_.database)).value();
  for (const ObjectInfo& object : objects) bytes += object.size;
  EXPECT_EQ(listed.use[0].store, "local");
  EXPECT_EQ(listed.use[0].objects, objects.size());
  EXPECT_EQ(listed.use[0].bytes, bytes);
  EXPECT_GT(listed.use[0].objects, listed.stores[0].objects.size()) << "keys lie beside the backups";
}

TEST_F(SweepWork, RemovesWhatHasNoRecordFromEveryStoreAndNothingElse) {
  const auto removed = remove_strays(to_remove(), opener(), never);
  ASSERT_TRUE(removed);
  EXPECT_FALSE(removed->error);
  EXPECT_EQ(removed->objects, 4U);
  EXPECT_EQ(removed->bytes, 4 * std::string("what was written before the end").size());
  EXPECT_FALSE(has_pack("local"));
  EXPECT_FALSE(has_pack("offsite"));
  expect_sound_backup();
}

TEST_F(SweepWork, RemovesNothingWhenTheRecordHasComeMeanwhile) {
  const RemoveStrays work = to_remove();
  ASSERT_TRUE(stores_["offsite"]->put(record_name(fleet_.database, stray_), as_bytes("it was finished after all")));
  const auto removed = remove_strays(work, opener(), never);
  ASSERT_TRUE(removed && removed->error);
  EXPECT_EQ(removed->error->code, Code::conflict);
  EXPECT_EQ(removed->objects, 0U);
  EXPECT_TRUE(has_pack("local"));
}

TEST_F(SweepWork, RemovesNothingOfABackupWhoseRecordIsNotListedYet) {
  ManualClock clock;
  const RemoveStrays work = to_remove();
  const auto late = std::make_shared<ListsLate>(stores_["offsite"], clock, std::chrono::minutes(10));
  stores_["offsite"] = late;
  const std::string record = record_name(fleet_.database, stray_);
  ASSERT_TRUE(late->put(record, as_bytes("it was finished after all")));
  const auto shown = late->list(record).value();
  ASSERT_THAT(shown, IsEmpty());
  const auto removed = remove_strays(work, opener(), never);
  ASSERT_TRUE(removed && removed->error);
  EXPECT_EQ(removed->error->code, Code::conflict);
  EXPECT_TRUE(has_pack("local"));
  EXPECT_TRUE(has_pack("offsite"));
  // Nor is it listed as a stray again: records are asked for by name.
  const BackupsListed listed = list();
  ASSERT_TRUE(listed.error);
  EXPECT_THAT(listed.error->message, HasSubstr(record));
}

TEST_F(SweepWork, DoesNotMindWhatIsListedAfterItWent) {
  ManualClock clock;
  for (auto& [name, store] : stores_) store = std::make_shared<ListsLate>(store, clock, std::chrono::minutes(10));
  for (int i = 0; i < 2; ++i) {
    const auto removed = remove_strays(to_remove(), opener(), never);
    ASSERT_TRUE(removed);
    EXPECT_FALSE(removed->error) << removed->error->text();
  }
  EXPECT_FALSE(has_pack("local"));
  clock.advance(std::chrono::minutes(10));
  EXPECT_EQ(list().stores.size(), 2U);
  expect_sound_backup();
}

TEST_F(SweepWork, RemovesNothingWhenAStoreCannotSayWhetherItHasTheRecord) {
  const RemoveStrays work = to_remove();
  stores_["offsite"] = std::make_shared<Unreachable>(stores_["offsite"]);
  const auto removed = remove_strays(work, opener(), never);
  ASSERT_TRUE(removed && removed->error);
  EXPECT_THAT(removed->error->message, HasSubstr("offsite"));
  EXPECT_TRUE(has_pack("local"));
}

TEST_F(SweepWork, ListsNothingWhenAStoreIsAway) {
  stores_["offsite"] = std::make_shared<Unreachable>(stores_["offsite"]);
  const BackupsListed listed = list();
  ASSERT_TRUE(listed.error);
  EXPECT_THAT(listed.error->message, HasSubstr("offsite"));
  EXPECT_THAT(listed.stores, IsEmpty());
}

TEST_F(SweepWork, ListsNothingWhenARecordIsDamaged) {
  const std::string record = record_name(fleet_.database, backup_->id);
  stores_["local"] = std::make_shared<FlipsOneBit>(stores_["local"], record, 8 * 40);
  const BackupsListed listed = list();
  ASSERT_TRUE(listed.error);
  EXPECT_THAT(listed.stores, IsEmpty());
}

// An incremental backup on top of the first one: as its record says, it reads the first one's packs.
TEST_F(SweepWork, NamesWhatRecordsNeed) {
  const StoreSet stores = both();
  BackupWriter writer(fleet_.fleet, fleet_.database, fleet_.entropy.id<BackupId>(), fleet_.epoch.key, stores,
                      fleet_.entropy, {});
  ASSERT_TRUE(writer.carry_over(backup_->record, backup_->manifest.packs, backup_->manifest.frames));
  Manifest manifest = backup_->manifest;
  ASSERT_TRUE(writer.put_manifest(manifest));
  BackupRecord record;
  record.node = fleet_.node;
  record.engine = Engine::sqlite;
  ASSERT_TRUE(writer.finish(record, fleet_.signer));
  ASSERT_FALSE(record.needed_packs.empty());
  const BackupsListed listed = list();
  for (const auto& pack : record.needed_packs) EXPECT_TRUE(listed.needed.contains(pack.object.name));
}

TEST_F(SweepWork, IsAnsweredByTheWorkersThread) {
  Worker worker(opener(), Logger::none());
  worker.give(to_remove());
  worker.give(to_list());
  std::vector<Event> answers;
  while (answers.size() < 2) {
    pollfd waiting{worker.fd(), POLLIN, 0};
    ASSERT_EQ(::poll(&waiting, 1, 20'000), 1);
    for (auto& answer : worker.take_answers()) answers.push_back(std::move(answer));
  }
  EXPECT_EQ(std::get<StraysRemoved>(answers[0]).objects, 4U);
  for (const auto& store : std::get<BackupsListed>(answers[1]).stores) {
    for (const auto& object : store.objects) EXPECT_EQ(backup_of_object(object.name), backup_->id);
  }
}

}  // namespace
}  // namespace holdfast
