// Two stores, one of which lies: what was acknowledged comes back, and what the liar lacks is found and brought.
#include <gmock/gmock.h>

#include <thread>

#include "shared/repository/copies.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAreArray;

using Which = std::function<bool(const std::string&)>;

bool every(const std::string&) {
  return true;
}
// One in four, so that there are some of each kind; always the same ones.
bool one_in_four(const std::string& name) {
  return sha256(as_bytes(name))[0] % 4 == 0;
}

class LyingStores : public testing::Test {
 protected:
  // A backup through a liar, which comes first, and a good store.
  TestBackup backup_through(const std::shared_ptr<Store>& liar, std::size_t min_copies = 2) {
    both_ = std::make_unique<StoreSet>(std::vector<NamedStore>{{"liar", liar}, {"good", good}}, min_copies);
    return TestBackup(fleet, *both_, 20);
  }
  void expect_all_comes_back(const TestBackup& backup) {
    const auto reader = BackupReader::open(*both_, backup.record, fleet.ring);
    ASSERT_THAT(reader, Succeeded());
    FrameDecoder decoder;
    for (std::uint32_t frame = 0; frame < backup.contents.size(); ++frame) {
      const auto content = reader->read_frame(frame, decoder);
      ASSERT_THAT(content, Succeeded()) << "frame " << frame;
      EXPECT_EQ(*content, backup.contents[frame]) << "frame " << frame;
    }
  }
  CopyPlace place(const std::shared_ptr<Store>& liar) const { return {{"liar", liar}, {{"good", good}}}; }
  std::vector<std::string> objects_of(const TestBackup& backup) const {
    std::vector<std::string> names{epoch_name(fleet.database, fleet.epoch.key.id),
                                   record_name(fleet.database, backup.id)};
    for (const StoredObject& object : backup.record.objects) names.push_back(object.name);
    return names;
  }
  // What the good store has and the one below the liar has not, or otherwise.
  std::vector<std::string> harmed(const TestBackup& backup) const {
    std::vector<std::string> out;
    for (const std::string& name : objects_of(backup)) {
      const auto kept = below->get(name);
      if (!kept || *kept != good->get(name).value()) out.push_back(name);
    }
    return out;
  }
  static std::vector<std::string> named(const std::vector<VerifyFinding>& findings) {
    std::vector<std::string> out;
    for (const VerifyFinding& finding : findings) {
      EXPECT_EQ(finding.store, "liar") << finding.object;
      out.push_back(finding.object);
    }
    return out;
  }
  std::vector<std::string> found_by_scrub(const TestBackup& backup) {
    const auto report = scrub_backup(place(below), fleet.anchor(), fleet.database, backup.id, {});
    EXPECT_THAT(report, Succeeded());
    return named(report.value_or(VerifyReport()).findings);
  }
  Result<CopyReport> repair(const TestBackup& backup) {
    return copy_backup(place(below), fleet.anchor(), fleet.database, backup.id, Thoroughness::read, {});
  }

  TestFleet fleet;
  std::shared_ptr<MemoryStore> good = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> below = std::make_shared<MemoryStore>();  // what the liar has in truth
  std::unique_ptr<StoreSet> both_;
};

TEST_F(LyingStores, WhatOneAcceptsAndForgetsComesFromTheOtherAndIsFoundAndBrought) {
  for (const Which& which : {Which(one_in_four), Which(every)}) {
    const TestBackup backup = backup_through(std::make_shared<Forgets>(below, which));
    expect_all_comes_back(backup);
    const auto lost = harmed(backup);
    ASSERT_THAT(lost, Not(IsEmpty()));
    EXPECT_THAT(found_by_scrub(backup), UnorderedElementsAreArray(lost));
    const auto brought = repair(backup);
    ASSERT_THAT(brought, Succeeded());
    EXPECT_EQ(brought->copied, lost.size());
    EXPECT_THAT(harmed(backup), IsEmpty());
    EXPECT_THAT(found_by_scrub(backup), IsEmpty());
  }
}

TEST_F(LyingStores, WhatOneSpoilsOnTheWayInComesFromTheOtherAndIsFoundAndReplaced) {
  const TestBackup backup = backup_through(std::make_shared<FlipsOnTheWayIn>(below, one_in_four));
  expect_all_comes_back(backup);
  const auto spoilt = harmed(backup);
  ASSERT_THAT(spoilt, Not(IsEmpty()));
  EXPECT_THAT(found_by_scrub(backup), UnorderedElementsAreArray(spoilt));
  const auto in_the_way = repair(backup);
  ASSERT_THAT(in_the_way, Succeeded());
  EXPECT_THAT(named(in_the_way->damaged), UnorderedElementsAreArray(spoilt)) << "nothing stored is replaced by a copy";
  for (const std::string& name : spoilt) ASSERT_THAT(below->remove(name), Succeeded());
  ASSERT_THAT(repair(backup), Succeeded());
  EXPECT_THAT(harmed(backup), IsEmpty());
}

// Nothing tells the writer; whoever looks is told, and nobody is given anything else than was put.
TEST_F(LyingStores, OneThatIsAloneIsFoundOutByWhoeverReads) {
  both_ = std::make_unique<StoreSet>(
      std::vector<NamedStore>{{"liar", std::make_shared<FlipsOnTheWayIn>(
                                           below, [](const auto& name) { return name.find("pack") != name.npos; })}},
      1);
  const TestBackup backup(fleet, *both_, 20);
  const auto report = verify_backup(*both_, fleet.anchor(), fleet.database, backup.id, nullptr, {});
  ASSERT_THAT(report, Succeeded());
  EXPECT_THAT(report->findings, SizeIs(backup.record.objects.size() - 1)) << "all but the manifest";
  const auto reader = BackupReader::open(*both_, backup.record, fleet.ring);
  ASSERT_THAT(reader, Succeeded());
  FrameDecoder decoder;
  std::size_t refused = 0;
  for (std::uint32_t frame = 0; frame < backup.contents.size(); ++frame) {
    const auto content = reader->read_frame(frame, decoder);
    if (content) {
      EXPECT_EQ(*content, backup.contents[frame]);
    } else {
      EXPECT_EQ(content.error().code, Code::corrupt);
      ++refused;
    }
  }
  EXPECT_GE(refused, backup.record.objects.size() - 1) << "one of each pack at least";
}

TEST_F(LyingStores, AnAnswerThatCameTooLateCostsNothingButPerhapsALook) {
  for (const std::string_view last : {"pack-0002", "manifest", "record"}) {
    const auto late =
        std::make_shared<AnswersTooLate>(below, [last](const auto& name) { return name.ends_with(last); });
    const TestBackup backup = backup_through(late, 1);
    const auto lacking = harmed(backup);
    EXPECT_LE(lacking.size(), both_->missed().at(0).objects + 1) << "the record is kept from it besides";
    expect_all_comes_back(backup);
    const auto brought = repair(backup);
    ASSERT_THAT(brought, Succeeded());
    EXPECT_EQ(brought->copied, lacking.size()) << last;
    EXPECT_THAT(harmed(backup), IsEmpty()) << last;
  }
}

TEST_F(LyingStores, OneWhoseAnswersAllComeTooLateHasNoBackupUntilACopyJobSaysSo) {
  const TestBackup backup = backup_through(std::make_shared<AnswersTooLate>(below, every), 1);
  EXPECT_FALSE(below->get(record_name(fleet.database, backup.id))) << "nobody said that it has all of it";
  expect_all_comes_back(backup);
  ASSERT_THAT(repair(backup), Succeeded());
  EXPECT_THAT(harmed(backup), IsEmpty());
}

TEST_F(LyingStores, ABackupIsWholeInAStoreThatIsSlowOnceItHasBeenGivenTheTime) {
  const auto slow = std::make_shared<Rationed>(below);
  slow->let(1);  // not even one object
  std::thread later;
  {
    // The record comes last and waits: without it the slow store has no backup, with it a whole one.
    const StoreSet both({{"slow", slow}, {"good", good}}, 1);
    later = std::thread([&] {
      while (good->list(database_prefix(fleet.database) + "backups/")->size() < 20) std::this_thread::yield();
      EXPECT_THAT(below->list("").value(), IsEmpty()) << "the good store did not wait for it";
      slow->let(1'000'000);
    });
    const TestBackup backup(fleet, both, 60);
    later.join();
    EXPECT_THAT(harmed(backup), IsEmpty());
  }
}

TEST_F(LyingStores, ABackupThatIsNotListedYetIsReadByItsName) {
  ManualClock clock;
  const auto late = std::make_shared<ListsLate>(below, clock, std::chrono::minutes(10));
  both_ = std::make_unique<StoreSet>(std::vector<NamedStore>{{"late", late}}, 1);
  const TestBackup backup(fleet, *both_, 20);
  EXPECT_THAT(list_backups(*both_, fleet.anchor(), fleet.database)->backups, IsEmpty());
  EXPECT_THAT(load_record(*both_, fleet.anchor(), fleet.database, backup.id), Succeeded());
  expect_all_comes_back(backup);
  EXPECT_THAT(verify_backup(*both_, fleet.anchor(), fleet.database, backup.id, nullptr, {})->findings, IsEmpty());
  clock.advance(std::chrono::minutes(10));
  EXPECT_THAT(list_backups(*both_, fleet.anchor(), fleet.database)->backups, SizeIs(1));
}

TEST_F(LyingStores, ABackupThatIsStillListedAfterItWentIsNone) {
  ManualClock clock;
  const auto late = std::make_shared<ListsLate>(below, clock, std::chrono::minutes(10));
  both_ = std::make_unique<StoreSet>(std::vector<NamedStore>{{"late", late}}, 1);
  const TestBackup backup(fleet, *both_);
  clock.advance(std::chrono::minutes(10));
  for (const std::string& name : objects_of(backup)) ASSERT_THAT(late->remove(name), Succeeded());
  ASSERT_THAT(late->list("").value(), Not(IsEmpty()));
  const auto listing = list_backups(*both_, fleet.anchor(), fleet.database);
  ASSERT_THAT(listing, Succeeded());
  EXPECT_THAT(listing->backups, IsEmpty());
  EXPECT_THAT(listing->problems, IsEmpty());
}

}  // namespace
}  // namespace holdfast
