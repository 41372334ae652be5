#include "shared/repository/copies.h"

#include <gmock/gmock.h>

#include "shared/os/posix_file_system.h"
#include "shared/store/posix_store.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// A store with a backup and its log, and another that should have the same.
class Copies : public testing::Test {
 protected:
  Copies() : backup(fleet, StoreSet({{"good", good}}, 1), 20) {
    FleetRecord record;
    record.fleet = fleet.fleet;
    record.root = fleet.root.public_key;
    EXPECT_TRUE(good->put(fleet_record_name(), encode_fleet_record(record, fleet.root)));
    DatabaseRecord database;
    database.fleet = fleet.fleet;
    database.database = fleet.database;
    database.epoch = fleet.epoch.key.id;
    EXPECT_TRUE(good->put(database_record_name(fleet.database), encode_database_record(database, fleet.signer)));
    for (std::uint64_t at = 0; at < 5; ++at) put_wal(at * 100, at * 100 + 100);
    EXPECT_TRUE(good->put(history_name(fleet.database, Timeline(2)), as_bytes("1\t0/100\tno recovery target\n")));
  }

  void put_wal(std::uint64_t first, std::uint64_t last) {
    WalHeader header;
    header.fleet = fleet.fleet;
    header.database = fleet.database;
    header.node = fleet.node;
    header.epoch = fleet.epoch.key.id;
    header.system_id = SystemId(7);
    header.timeline = Timeline(1);
    header.first = Lsn(first);
    header.last = Lsn(last);
    header.segment_size = 1U << 20U;
    FrameEncoder encoder(1);
    const auto wal = encode_wal_object(header, fleet.random_bytes(last - first), fleet.epoch.key, fleet.signer,
                                       fleet.entropy, encoder);
    ASSERT_TRUE(wal) << wal.error().text();
    ASSERT_TRUE(good->put(wal_of(first), wal->object));
  }
  std::string wal_of(std::uint64_t first) const {
    return wal_name(fleet.database, Timeline(1), Lsn(first), Lsn(first + 100));
  }
  std::string pack(std::uint32_t number) const { return pack_name(fleet.database, backup.id, number); }

  CopyPlace place(std::shared_ptr<Store> target = nullptr) const {
    return {{"other", target ? std::move(target) : other}, {{"good", good}}};
  }
  Result<CopyReport> copy(const CopyPlace& where, Thoroughness how = Thoroughness::looked_up, CopyHooks hooks = {}) {
    return copy_backup(where, fleet.anchor(), fleet.database, backup.id, how, hooks);
  }
  Result<CopyReport> copy_wal(const CopyPlace& where, Thoroughness how = Thoroughness::looked_up) {
    return copy_log(where, fleet.anchor(), fleet.database, how, {});
  }
  static std::map<std::string, Bytes> all(Store& store) {
    std::map<std::string, Bytes> out;
    const auto listed = store.list("");
    for (const ObjectInfo& object : *listed) out[object.name] = *store.get(object.name);
    return out;
  }
  void damage(MemoryStore& store, const std::string& name) {
    Bytes content = *store.get(name);
    content[content.size() / 2] ^= 0x10;
    store.overwrite(name, std::move(content));
  }

  TestFleet fleet;
  std::shared_ptr<MemoryStore> good = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> other = std::make_shared<MemoryStore>();
  TestBackup backup;
};

TEST_F(Copies, BringsAnEmptyStoreABackupAndItsLogByteForByte) {
  const auto report = copy(place());
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->copied, report->objects);
  EXPECT_THAT(report->served, ElementsAre(testing::Pair("good", report->copied)));
  const auto log = copy_wal(place());
  ASSERT_TRUE(log) << log.error().text();
  EXPECT_EQ(log->copied, 6U) << "five stretches and a history; the epoch came with the backup";
  EXPECT_EQ(all(*other), all(*good));
}

TEST_F(Copies, MakesADirectoryThatNothingWasEverPutIntoAStore) {
  const TemporaryDirectory directory;
  PosixFileSystem files;
  const auto fresh = std::make_shared<PosixStore>(files, directory / "fresh");
  const auto done = copy(place(fresh));
  ASSERT_THAT(done, Succeeded());
  EXPECT_GT(done->copied, 0U);
  EXPECT_TRUE(fresh->stat(record_name(fleet.database, backup.id)).value());
}

TEST_F(Copies, PutsTheRecordLastAndGoesOnWhereItWasCutOff) {
  std::uint64_t steps = 0;
  CopyHooks hooks;
  hooks.progress = [&](std::uint64_t done, std::uint64_t total) -> Result<> {
    EXPECT_LE(done, total);
    if (++steps == 6) return fail(Code::cancelled, "stop");
    return {};
  };
  EXPECT_EQ(copy(place(), Thoroughness::looked_up, hooks).error().code, Code::cancelled);
  EXPECT_FALSE(other->get(record_name(fleet.database, backup.id)));
  const std::size_t before = other->list("")->size();
  EXPECT_EQ(before, 6U);
  const auto rest = copy(place());
  ASSERT_TRUE(rest) << rest.error().text();
  EXPECT_EQ(rest->copied, rest->objects - before);
  EXPECT_TRUE(other->get(record_name(fleet.database, backup.id)));
}

TEST_F(Copies, TakesNoDamagedObjectFromASource) {
  damage(*good, pack(1));
  const auto report = copy(place());
  ASSERT_FALSE(report);
  EXPECT_EQ(report.error().code, Code::corrupt);
  EXPECT_THAT(report.error().message, HasSubstr(pack(1)));
  EXPECT_FALSE(other->get(pack(1)));
  EXPECT_FALSE(other->get(record_name(fleet.database, backup.id))) << "it is no backup";
  EXPECT_TRUE(other->get(pack(2))) << "what can be saved is";
}

TEST_F(Copies, PutsOneTogetherOutOfSeveralDamagedOnes) {
  const auto third = std::make_shared<MemoryStore>();
  for (const auto& [name, content] : all(*good)) ASSERT_TRUE(third->put(name, content));
  damage(*good, pack(1));
  damage(*third, pack(2));
  CopyPlace where = place();
  where.sources.push_back({"third", third});
  const auto report = copy(where);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->served.at("third"), 1U);
  const auto checked = scrub_backup(where, fleet.anchor(), fleet.database, backup.id, {});
  ASSERT_TRUE(checked);
  EXPECT_THAT(checked->findings, IsEmpty());
}

TEST_F(Copies, NamesWhatIsDamagedInTheTargetAndDoesNotReplaceIt) {
  ASSERT_TRUE(copy(place()));
  damage(*other, pack(1));
  ASSERT_TRUE(other->remove(pack(2)));
  EXPECT_EQ(copy(place())->copied, 1U) << "looked up: only what is not there";
  const auto report = copy(place(), Thoroughness::read);
  ASSERT_TRUE(report) << report.error().text();
  ASSERT_THAT(report->damaged, SizeIs(1));
  EXPECT_EQ(report->damaged[0].object, pack(1));
  EXPECT_NE(*other->get(pack(1)), *good->get(pack(1)));
  ASSERT_TRUE(other->remove(pack(1)));
  EXPECT_THAT(copy(place(), Thoroughness::read)->damaged, IsEmpty());
  EXPECT_EQ(*other->get(pack(1)), *good->get(pack(1)));
}

TEST_F(Copies, SeesWithoutReadingThatAnObjectIsTooShort) {
  ASSERT_TRUE(copy(place()));
  other->overwrite(pack(1), Bytes(5));
  EXPECT_THAT(copy(place())->damaged, SizeIs(1));
}

TEST_F(Copies, ReadsAnObjectOfTheLogThatIsNotAsLongAsElsewhere) {
  ASSERT_THAT(copy_wal(place()), Succeeded());
  other->overwrite(wal_of(100), Bytes(5));
  const auto report = copy_wal(place());
  ASSERT_THAT(report, Succeeded());
  ASSERT_THAT(report->damaged, SizeIs(1));
  EXPECT_EQ(report->damaged[0].object, wal_of(100));

  // It may be the other one that is cut short.
  ASSERT_TRUE(other->remove(wal_of(100)));
  ASSERT_THAT(copy_wal(place()), Succeeded());
  good->overwrite(wal_of(100), Bytes(5));
  EXPECT_THAT(copy_wal(place())->damaged, IsEmpty());
}

TEST_F(Copies, JudgesTheCopyByTheSoundRecordAndNotByADamagedOne) {
  ASSERT_TRUE(copy(place()));
  damage(*good, record_name(fleet.database, backup.id));
  CopyPlace where = place();
  const auto checked = scrub_backup(where, fleet.anchor(), fleet.database, backup.id, {});
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_THAT(checked->findings, IsEmpty()) << checked->findings[0].error.text();
}

TEST_F(Copies, AStoreThatIsAwayIsNoReasonToCallItsObjectsMissing) {
  const auto away = std::make_shared<Unreachable>(other);
  EXPECT_EQ(copy(place(away)).error().code, Code::unavailable);
  EXPECT_EQ(scrub_backup(place(away), fleet.anchor(), fleet.database, backup.id, {}).error().code, Code::unavailable);
}

TEST_F(Copies, ScrubFindsEveryObjectThatWasLostOrChanged) {
  ASSERT_TRUE(copy(place()));
  ASSERT_TRUE(copy_wal(place()));
  const std::string record = record_name(fleet.database, backup.id);
  for (const auto& [name, content] : all(*good)) {
    if (name == fleet_record_name() || name == database_record_name(fleet.database)) continue;
    const bool of_log = name.find("/wal/") != std::string::npos;
    const auto scrub = [&] {
      return of_log ? scrub_log(place(), fleet.anchor(), fleet.database, {})
                    : scrub_backup(place(), fleet.anchor(), fleet.database, backup.id, {});
    };
    const auto expect_found = [&](std::string_view how) {
      const auto report = scrub();
      ASSERT_TRUE(report) << name << " " << how << ": " << report.error().text();
      ASSERT_THAT(report->findings, SizeIs(1)) << name << " " << how;
      EXPECT_EQ(report->findings[0].object, name);
      EXPECT_EQ(report->findings[0].store, "other");
    };
    ASSERT_TRUE(other->remove(name));
    expect_found("removed");
    if (!name.ends_with(".history")) {  // has no signature
      other->overwrite(name, content);
      damage(*other, name);
      expect_found("changed");
    }
    other->overwrite(name, content);
  }
  EXPECT_THAT(scrub_log(place(), fleet.anchor(), fleet.database, {})->findings, IsEmpty());
}

TEST_F(Copies, AStoreThatAcceptsAndForgetsIsFoundOut) {
  const auto liar = std::make_shared<Forgets>(other, [](const std::string&) { return true; });
  EXPECT_TRUE(copy(place(liar)));
  const auto checked = scrub_backup(place(liar), fleet.anchor(), fleet.database, backup.id, {});
  ASSERT_TRUE(checked) << checked.error().text();
  EXPECT_EQ(checked->findings.size(), checked->objects);
}

// Whoever orders copies compares once more when lists have had time to show everything.
TEST_F(Copies, LogThatIsNotListedYetIsBroughtByTheNextComparison) {
  ManualClock clock;
  const auto late = std::make_shared<ListsLate>(good, clock, std::chrono::minutes(10));
  const Bytes newest = good->get(wal_of(400)).value();
  ASSERT_TRUE(good->remove(wal_of(400)));
  ASSERT_TRUE(late->put(wal_of(400), newest));
  CopyPlace where = place();
  where.sources[0].store = late;
  ASSERT_THAT(copy_wal(where), Succeeded());
  EXPECT_FALSE(other->get(wal_of(400)));
  clock.advance(std::chrono::minutes(10));
  ASSERT_THAT(copy_wal(where), Succeeded());
  EXPECT_EQ(other->get(wal_of(400)).value(), newest);
}

TEST_F(Copies, ABackupIsBroughtWholeWhateverTheListsShow) {
  ManualClock clock;
  const auto late = std::make_shared<ListsLate>(std::make_shared<MemoryStore>(), clock, std::chrono::minutes(10));
  for (const auto& [name, content] : all(*good)) ASSERT_TRUE(late->put(name, content));
  CopyPlace where = place();
  where.sources[0].store = late;
  ASSERT_THAT(copy(where), Succeeded());
  EXPECT_THAT(scrub_backup(where, fleet.anchor(), fleet.database, backup.id, {})->findings, IsEmpty());
}

TEST_F(Copies, LogThatGoesWhileItIsCopiedIsNotMissed) {
  class StillLists final : public WrappedStore {
   public:
    StillLists(std::shared_ptr<Store> below, std::string name)
        : WrappedStore(std::move(below)), name_(std::move(name)) {}
    Result<Bytes> get(const std::string& name) override {
      if (name == name_) return fail(Code::not_found, "gone");
      return below().get(name);
    }

   private:
    std::string name_;
  };
  CopyPlace where = place();
  where.sources[0].store = std::make_shared<StillLists>(good, wal_of(0));
  const auto report = copy_wal(where);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_FALSE(other->get(wal_of(0)));
  EXPECT_TRUE(other->get(wal_of(100)));
}

}  // namespace
}  // namespace holdfast
