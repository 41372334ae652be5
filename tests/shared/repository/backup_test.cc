#include <gmock/gmock.h>

#include <map>
#include <mutex>
#include <thread>

#include "shared/repository/verify.h"
#include "tests/harness/damaged_stores.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class Backup : public testing::Test {
 protected:
  TestFleet fleet;
  std::shared_ptr<MemoryStore> memory = std::make_shared<MemoryStore>();
  StoreSet stores{{{"disk", memory}}, 1};
};

TEST_F(Backup, ComesBackFrameByFrame) {
  const TestBackup backup(fleet, stores);
  EXPECT_GT(backup.manifest.packs.size(), 1U);  // small packs, so there is more than one
  const auto record = load_record(stores, fleet.anchor(), fleet.database, backup.id);
  ASSERT_TRUE(record) << record.error().text();
  EXPECT_EQ(*record, backup.record);
  const auto reader = BackupReader::open(stores, *record, fleet.ring);
  ASSERT_TRUE(reader) << reader.error().text();
  EXPECT_EQ(reader->manifest(), backup.manifest);
  FrameDecoder decoder;
  for (std::size_t i = 0; i < backup.contents.size(); ++i) {
    const auto plain = reader->read_frame(static_cast<std::uint32_t>(i), decoder);
    ASSERT_TRUE(plain) << plain.error().text();
    EXPECT_EQ(*plain, backup.contents[i]);
  }
  EXPECT_EQ(reader->read_frame(100, decoder).error().code, Code::invalid);
}

TEST_F(Backup, RecordListsEveryObjectInOrderWithSizeAndHash) {
  const TestBackup backup(fleet, stores);
  std::uint64_t bytes = 0;
  for (std::size_t i = 0; i < backup.record.objects.size(); ++i) {
    const StoredObject& object = backup.record.objects[i];
    const Bytes content = *memory->get(object.name);
    EXPECT_EQ(object.size, content.size());
    EXPECT_EQ(object.sha256, sha256(content));
    bytes += content.size();
    const bool last = i + 1 == backup.record.objects.size();
    EXPECT_EQ(object.name, last ? manifest_name(fleet.database, backup.id)
                                : pack_name(fleet.database, backup.id, static_cast<std::uint32_t>(i)));
  }
  EXPECT_EQ(backup.record.stored_bytes, ByteCount(bytes));
  EXPECT_EQ(memory->list(backup_prefix(fleet.database, backup.id))->size(), backup.record.objects.size() + 1);
  EXPECT_EQ(backup.record.needed_epochs, std::vector{fleet.epoch.key.id});
  EXPECT_TRUE(backup.record.needed_packs.empty());
}

TEST_F(Backup, NamesTheKeysOfLogThatAnotherNodePut) {
  const NewEpoch others = fleet.new_epoch();
  BackupWriter writer(fleet.fleet, fleet.database, fleet.entropy.id<BackupId>(), fleet.epoch.key, stores, fleet.entropy,
                      {1, 4096});
  Manifest manifest;
  manifest.page_size = 512;
  ASSERT_TRUE(writer.put_manifest(manifest));
  writer.need_epochs({others.key.id, fleet.epoch.key.id});
  BackupRecord record;
  record.node = fleet.node;
  ASSERT_TRUE(writer.finish(record, fleet.signer));
  EXPECT_THAT(record.needed_epochs, testing::UnorderedElementsAre(fleet.epoch.key.id, others.key.id));
}

TEST_F(Backup, DoesNotExistWithoutItsRecord) {
  const TestBackup backup(fleet, stores);
  ASSERT_TRUE(memory->remove(record_name(fleet.database, backup.id)));
  EXPECT_EQ(load_record(stores, fleet.anchor(), fleet.database, backup.id).error().code, Code::not_found);
  const auto listing = list_backups(stores, fleet.anchor(), fleet.database);
  EXPECT_TRUE(listing->backups.empty());
  EXPECT_TRUE(listing->problems.empty());
}

TEST_F(Backup, IsFilledByManyWorkersAtOnce) {
  const BackupId id = fleet.entropy.id<BackupId>();
  BackupWriter writer(fleet.fleet, fleet.database, id, fleet.epoch.key, stores, fleet.entropy, {1, 16384});
  constexpr std::size_t workers = 4;
  constexpr std::size_t frames = 60;
  std::array<std::vector<std::pair<std::uint32_t, Bytes>>, workers> written;
  {
    std::vector<std::jthread> threads;
    for (std::size_t w = 0; w < workers; ++w) {
      threads.emplace_back([&, w] {
        SeededEntropy own(w + 100);
        auto worker = writer.worker();
        for (std::size_t i = 0; i < frames; ++i) {
          Bytes plain(1 + own.engine()() % 3000);
          own.fill(plain);
          const auto frame = worker.add_frame(plain);
          ASSERT_TRUE(frame) << frame.error().text();
          written[w].emplace_back(*frame, plain);
        }
        ASSERT_TRUE(worker.finish());
      });
    }
  }
  Manifest manifest;
  ASSERT_TRUE(writer.put_manifest(manifest));
  ASSERT_TRUE(stores.put(epoch_name(fleet.database, fleet.epoch.key.id), fleet.epoch.object));
  BackupRecord record;
  record.node = fleet.node;
  ASSERT_TRUE(writer.finish(record, fleet.signer));
  EXPECT_EQ(manifest.frames.size(), workers * frames);
  const auto reader = BackupReader::open(stores, record, fleet.ring);
  ASSERT_TRUE(reader) << reader.error().text();
  FrameDecoder decoder;
  for (const auto& list : written) {
    for (const auto& [frame, plain] : list) EXPECT_EQ(*reader->read_frame(frame, decoder), plain);
  }
  const auto report = verify_backup(stores, fleet.anchor(), fleet.database, id, &fleet.ring, {});
  EXPECT_TRUE(report->findings.empty());
}

// An incremental: what did not change stays where the parent put it, under the parent's keys.
TEST_F(Backup, TakesOverWhatTheParentHasAndDropsWhatNobodyNeeds) {
  const TestBackup parent(fleet, stores);
  NewEpoch next = fleet.new_epoch();
  fleet.ring.add({next.key.id, next.key.key.clone()});
  ASSERT_TRUE(stores.put(epoch_name(fleet.database, next.key.id), next.object));
  const BackupId id = fleet.entropy.id<BackupId>();
  BackupWriter writer(fleet.fleet, fleet.database, id, next.key, stores, fleet.entropy, {});
  ASSERT_TRUE(writer.carry_over(parent.record, parent.manifest.packs, parent.manifest.frames));
  auto worker = writer.worker();
  const Bytes changed = fleet.text_bytes(512);
  const std::uint32_t frame = *worker.add_frame(changed);
  ASSERT_TRUE(worker.finish());

  Manifest manifest = parent.manifest;
  manifest.files.resize(2);  // the other files are gone
  manifest.files[0].extents = {{0, 1, frame, 0}, {1, 2, parent.manifest.files[0].extents[0].frame, 512}};
  ASSERT_TRUE(writer.put_manifest(manifest));
  BackupRecord record;
  record.node = fleet.node;
  record.parent = parent.id;
  ASSERT_TRUE(writer.finish(record, fleet.signer));

  EXPECT_EQ(manifest.frames.size(), 3U);
  std::uint64_t live = 0;
  for (const NeededPack& needed : record.needed_packs) {
    live += needed.live_bytes;
    EXPECT_NE(std::ranges::find(parent.record.objects, needed.object), parent.record.objects.end());
  }
  EXPECT_EQ(live, parent.manifest.frames[0].stored_size + parent.manifest.frames[1].stored_size);
  EXPECT_EQ(record.needed_epochs.size(), 2U);
  EXPECT_EQ(record.objects.size(), 2U);

  const auto reader = BackupReader::open(stores, record, fleet.ring);
  ASSERT_TRUE(reader) << reader.error().text();
  FrameDecoder decoder;
  const auto& extents = reader->manifest().files[0].extents;
  EXPECT_EQ(*reader->read_frame(extents[0].frame, decoder), changed);
  EXPECT_EQ(*reader->read_frame(extents[1].frame, decoder), parent.contents[0]);
  EXPECT_TRUE(verify_backup(stores, fleet.anchor(), fleet.database, id, &fleet.ring, {})->findings.empty());

  // And a third generation on top of the second still knows where the first one's packs are.
  BackupWriter third(fleet.fleet, fleet.database, fleet.entropy.id<BackupId>(), next.key, stores, fleet.entropy, {});
  EXPECT_TRUE(third.carry_over(record, manifest.packs, manifest.frames));
}

// What was told of each pack as it was stored is all that another backup needs to take it over.
TEST_F(Backup, GoesOnFromPacksOfOneThatNeverGotARecord) {
  std::vector<StoredPack> told;
  std::mutex mutex;
  BackupWriterOptions options;
  options.pack_size = 100'000;
  options.pack_stored = [&](const StoredPack& pack) {
    const std::lock_guard lock(mutex);
    told.push_back(pack);
  };
  std::map<std::uint32_t, Bytes> written;
  {
    BackupWriter cut_off(fleet.fleet, fleet.database, fleet.entropy.id<BackupId>(), fleet.epoch.key, stores,
                         fleet.entropy, options);
    auto worker = cut_off.worker();
    for (int i = 0; i < 40; ++i) {
      Bytes plain = fleet.random_bytes(16384);
      const auto frame = worker.add_frame(plain);
      ASSERT_TRUE(frame);
      written.emplace(*frame, std::move(plain));
    }
  }
  ASSERT_GE(told.size(), 3U);
  std::vector<StoredObject> objects;
  std::vector<PackRef> packs;
  std::vector<FrameRef> frames;
  std::vector<Bytes> contents;
  for (const StoredPack& pack : told) {
    for (auto [number, frame] : pack.frames) {
      frame.pack = static_cast<std::uint32_t>(packs.size());
      frames.push_back(frame);
      contents.push_back(written.at(number));
    }
    packs.push_back(pack.pack);
    objects.push_back(pack.object);
  }
  ASSERT_TRUE(stores.put(epoch_name(fleet.database, fleet.epoch.key.id), fleet.epoch.object));
  const BackupId id = fleet.entropy.id<BackupId>();
  BackupWriter writer(fleet.fleet, fleet.database, id, fleet.epoch.key, stores, fleet.entropy, {});
  ASSERT_TRUE(writer.carry_over(objects, packs, frames));
  Manifest manifest;
  ManifestFile file;
  file.path = "base/5/1";
  for (std::uint32_t i = 0; i < frames.size(); ++i) file.extents.push_back({std::uint64_t{i} * 2, 2, i, 0});
  file.size = frames.size() * 16384;
  manifest.files = {file};
  ASSERT_TRUE(writer.put_manifest(manifest));
  BackupRecord record;
  record.node = fleet.node;
  ASSERT_TRUE(writer.finish(record, fleet.signer));
  EXPECT_EQ(record.needed_packs.size(), packs.size());

  const auto reader = BackupReader::open(stores, record, fleet.ring);
  ASSERT_TRUE(reader) << reader.error().text();
  FrameDecoder decoder;
  for (std::uint32_t i = 0; i < contents.size(); ++i) EXPECT_EQ(*reader->read_frame(i, decoder), contents[i]);
  EXPECT_TRUE(verify_backup(stores, fleet.anchor(), fleet.database, id, &fleet.ring, {})->findings.empty());
}

TEST_F(Backup, RefusesAManifestThatNamesWhatIsNotThere) {
  BackupWriter writer(fleet.fleet, fleet.database, fleet.entropy.id<BackupId>(), fleet.epoch.key, stores, fleet.entropy,
                      {});
  Manifest manifest;
  manifest.files.resize(1);
  manifest.files[0].path = "a";
  manifest.files[0].size = 8192;
  manifest.files[0].extents = {{0, 1, 0, 0}};
  EXPECT_EQ(writer.put_manifest(manifest).error().code, Code::invalid);
  BackupRecord record;
  EXPECT_FALSE(writer.finish(record, fleet.signer));
}

TEST_F(Backup, StopsWhenTheStoreIsFullAndLeavesNoRecord) {
  const StoreSet full({{"disk", std::make_shared<RefusesPuts>(memory, 1)}}, 1);
  BackupWriter writer(fleet.fleet, fleet.database, fleet.entropy.id<BackupId>(), fleet.epoch.key, full, fleet.entropy,
                      {1, 1024});
  auto worker = writer.worker();
  Result<> done;
  for (int i = 0; i < 20 && done; ++i) {
    if (auto frame = worker.add_frame(fleet.random_bytes(900)); !frame) done = std::unexpected(frame.error());
  }
  if (done) done = worker.finish();
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::exhausted);
  EXPECT_EQ(writer.object_names().size(), 1U);
}

TEST_F(Backup, SaysWhichStoreDidNotTakeAllOfIt) {
  const StoreSet both(
      {{"disk", memory}, {"filling", std::make_shared<RefusesPuts>(std::make_shared<MemoryStore>(), 1)}}, 1);
  BackupWriter writer(fleet.fleet, fleet.database, fleet.entropy.id<BackupId>(), fleet.epoch.key, both, fleet.entropy,
                      {1, 4096});
  auto worker = writer.worker();
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(worker.add_frame(fleet.random_bytes(3000)));
  ASSERT_TRUE(worker.finish());
  Manifest manifest;
  ASSERT_TRUE(writer.put_manifest(manifest));
  BackupRecord record;
  ASSERT_TRUE(writer.finish(record, fleet.signer));
  const auto copies = writer.copies();
  ASSERT_EQ(copies.size(), 2U);
  EXPECT_EQ(copies[0].store, "disk");
  EXPECT_EQ(copies[0].missing, 0U);
  EXPECT_EQ(copies[1].store, "filling");
  // It took the first object; the record is one more than those it lists.
  EXPECT_EQ(copies[1].missing, record.objects.size());
  ASSERT_TRUE(copies[1].first_error);
  EXPECT_EQ(copies[1].first_error->code, Code::exhausted);
}

TEST_F(Backup, GivesAStoreThatLacksSomethingNoRecord) {
  const auto below = std::make_shared<MemoryStore>();
  const StoreSet both({{"disk", memory}, {"filling", std::make_shared<RefusesPuts>(below, 3)}}, 1);
  const TestBackup backup(fleet, both);
  EXPECT_TRUE(memory->get(record_name(fleet.database, backup.id)));
  EXPECT_FALSE(below->get(record_name(fleet.database, backup.id))) << "by itself it would look like a backup";
}

TEST_F(Backup, IsWholeInAStoreThatIsSlowerWhenItIsFinished) {
  const auto below = std::make_shared<MemoryStore>();
  const auto slower = std::make_shared<Slow>(
      below, [](const std::string&) { std::this_thread::sleep_for(std::chrono::milliseconds(30)); });
  const StoreSet both({{"disk", memory}, {"slower", slower}}, 1);
  const TestBackup backup(fleet, both);
  for (const StoredObject& object : backup.record.objects) EXPECT_TRUE(below->get(object.name)) << object.name;
  EXPECT_TRUE(below->get(record_name(fleet.database, backup.id)));
}

TEST_F(Backup, ExistsWhereverItsPartsLieWhenNoStoreHasAllOfThem) {
  // Each refuses one object for good.
  class Refuses final : public WrappedStore {
   public:
    Refuses(std::shared_ptr<Store> below, std::string suffix)
        : WrappedStore(std::move(below)), suffix_(std::move(suffix)) {}
    Result<> put(const std::string& name, ByteView content) override {
      if (name.ends_with(suffix_)) return fail(Code::invalid, "not here");
      return below().put(name, content);
    }

   private:
    std::string suffix_;
  };
  const auto other = std::make_shared<MemoryStore>();
  const StoreSet both(
      {{"one", std::make_shared<Refuses>(memory, "pack-0000")}, {"two", std::make_shared<Refuses>(other, "manifest")}},
      1);
  const TestBackup backup(fleet, both);
  const auto reader = BackupReader::open(both, backup.record, fleet.ring);
  ASSERT_TRUE(reader) << reader.error().text();
  FrameDecoder decoder;
  for (std::uint32_t i = 0; i < backup.contents.size(); ++i) {
    EXPECT_EQ(*reader->read_frame(i, decoder), backup.contents[i]);
  }
  EXPECT_TRUE(load_record(StoreSet({{"one", memory}}, 1), fleet.anchor(), fleet.database, backup.id));
}

TEST_F(Backup, ReadsTheSoundCopyWhenAnotherIsDamaged) {
  const TestBackup backup(fleet, stores);
  for (const StoredObject& object : backup.record.objects) {
    const StoreSet both({{"bad", std::make_shared<FlipsOneBit>(memory, object.name, 8 * 100)}, {"good", memory}}, 1);
    const auto reader = BackupReader::open(both, backup.record, fleet.ring);
    ASSERT_TRUE(reader) << reader.error().text();
    FrameDecoder decoder;
    for (std::uint32_t i = 0; i < backup.contents.size(); ++i) {
      EXPECT_EQ(*reader->read_frame(i, decoder), backup.contents[i]);
    }
  }
}

TEST_F(Backup, CannotBeReadByTheNodeThatWroteIt) {
  const TestBackup backup(fleet, stores);
  const auto document = load_epoch(stores, fleet.anchor(), fleet.database, fleet.epoch.key.id);
  EXPECT_EQ(open_epoch(*document, fleet.node_box).error().code, Code::denied);
  const KeyRing none;
  EXPECT_EQ(BackupReader::open(stores, backup.record, none).error().code, Code::denied);
}

TEST_F(Backup, ListsOldestFirstWithoutWhatWasReleased) {
  std::vector<BackupId> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(TestBackup(fleet, stores).id);
  ASSERT_EQ(list_backups(stores, fleet.anchor(), fleet.database)->backups.size(), 3U);
  const ReleasedMark mark{fleet.fleet, fleet.database, ids[0], 1, fleet.from, "old"};
  ASSERT_TRUE(memory->put(released_name(fleet.database, ids[0]),
                          encode_released(mark, fleet.chain.intermediate, fleet.intermediate)));
  // The mark of one backup does not release another, nor does one that nobody signed.
  ASSERT_TRUE(memory->put(released_name(fleet.database, ids[1]),
                          encode_released(mark, fleet.chain.intermediate, fleet.intermediate)));
  ASSERT_TRUE(memory->put(released_name(fleet.database, ids[2]), as_bytes("released")));
  const auto listing = list_backups(stores, fleet.anchor(), fleet.database);
  EXPECT_EQ(listing->backups.size(), 2U);
  EXPECT_EQ(listing->problems.size(), 2U);
}

TEST_F(Backup, ListsWhatItCanWhenAStoreIsAwayAndSaysSo) {
  const TestBackup backup(fleet, stores);
  const StoreSet half({{"away", std::make_shared<Unreachable>(memory)}, {"disk", memory}}, 1);
  const auto listing = list_backups(half, fleet.anchor(), fleet.database);
  ASSERT_TRUE(listing);
  EXPECT_EQ(listing->backups.size(), 1U);
  EXPECT_EQ(listing->problems.size(), 1U);
  const StoreSet none({{"away", std::make_shared<Unreachable>(memory)}}, 1);
  EXPECT_EQ(list_backups(none, fleet.anchor(), fleet.database).error().code, Code::unavailable);
}

TEST_F(Backup, DatabasesAreListedByTheirRecords) {
  const TestBackup backup(fleet, stores);
  const DatabaseRecord record{fleet.fleet, fleet.database, Engine::postgres,  "orders",
                              SystemId(9), fleet.from,     fleet.epoch.key.id};
  ASSERT_TRUE(memory->put(database_record_name(fleet.database), encode_database_record(record, fleet.signer)));
  EXPECT_EQ(list_databases(stores, fleet.anchor()).value(), std::vector{record});
  const DatabaseId bad = fleet.entropy.id<DatabaseId>();
  ASSERT_TRUE(memory->put(database_record_name(bad), as_bytes("nonsense")));
  EXPECT_FALSE(list_databases(stores, fleet.anchor()));
  std::vector<Error> problems;
  EXPECT_EQ(list_databases(stores, fleet.anchor(), &problems)->size(), 1U);
  EXPECT_EQ(problems.size(), 1U);
}

TEST_F(Backup, VerifyCountsAndCanBeStopped) {
  const TestBackup backup(fleet, stores);
  std::uint64_t last = 0;
  const auto report =
      verify_backup(stores, fleet.anchor(), fleet.database, backup.id, &fleet.ring, [&](auto done, auto total) {
        EXPECT_LE(done, total);
        EXPECT_GT(done, last);
        last = done;
        return Result<>{};
      });
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_TRUE(report->findings.empty());
  EXPECT_TRUE(report->with_keys);
  EXPECT_EQ(report->objects, backup.record.objects.size());
  EXPECT_EQ(report->frames, backup.contents.size());
  EXPECT_EQ(report->bytes, backup.record.stored_bytes.value());
  const auto stopped = verify_backup(stores, fleet.anchor(), fleet.database, backup.id, nullptr,
                                     [](auto, auto) -> Result<> { return fail(Code::cancelled, "stop"); });
  EXPECT_EQ(stopped.error().code, Code::cancelled);
}

}  // namespace
}  // namespace holdfast
