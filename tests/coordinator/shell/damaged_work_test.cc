// The worker's part of a repair, on stores with real objects.
#include <gmock/gmock.h>

#include "coordinator/shell/worker.h"
#include "tests/harness/damaged_stores.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class DamagedWork : public testing::Test {
 protected:
  DamagedWork() : backup_(fleet_, StoreSet({{"local", local_}, {"offsite", offsite_}}, 2)) {
    work_.fleet = fleet_.fleet;
    work_.root = fleet_.root.public_key;
    work_.database = fleet_.database;
    work_.backup = backup_.id;
    work_.store.name = "offsite";
    StoreInfo local;
    local.name = "local";
    work_.sources = {local};
    work_.expected = backup_.record.objects;
    work_.names = {name(0), name(1)};
  }
  std::string name(std::uint32_t pack) const { return pack_name(fleet_.database, backup_.id, pack); }
  void damage(MemoryStore& store, const std::string& object) {
    Bytes content = *store.get(object);
    content[7] ^= 1;
    store.overwrite(object, content);
  }
  DamagedRemoved run() {
    const OpenStore open = [this](const StoreInfo& info) -> Result<std::shared_ptr<Store>> {
      if (info.name == "local") return std::static_pointer_cast<Store>(local_);
      return std::static_pointer_cast<Store>(offsite_);
    };
    return *remove_damaged(work_, open, [] { return false; });
  }

  TestFleet fleet_;
  std::shared_ptr<MemoryStore> local_ = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> offsite_ = std::make_shared<MemoryStore>();
  TestBackup backup_;
  RemoveDamaged work_;
};

TEST_F(DamagedWork, RemovesWhatIsDamagedAndLeavesWhatIsSoundWhoeverSaidOtherwise) {
  damage(*offsite_, name(1));
  const DamagedRemoved done = run();
  EXPECT_FALSE(done.error);
  EXPECT_THAT(done.removed, ElementsAre(name(1)));
  EXPECT_TRUE(offsite_->get(name(0)));
  EXPECT_FALSE(offsite_->get(name(1)));
  EXPECT_TRUE(local_->get(name(1)));
}

TEST_F(DamagedWork, LeavesTheLastOneEvenWhenItIsDamaged) {
  damage(*offsite_, name(1));
  damage(*local_, name(1));
  const DamagedRemoved done = run();
  ASSERT_TRUE(done.error);
  EXPECT_THAT(done.error->message, HasSubstr("no other store has a sound copy"));
  EXPECT_THAT(done.removed, IsEmpty());
  EXPECT_TRUE(offsite_->get(name(1)));
}

TEST_F(DamagedWork, GoesOnWithTheOthersWhenOneHasToStay) {
  damage(*offsite_, name(0));
  damage(*local_, name(0));
  damage(*offsite_, name(1));
  const DamagedRemoved done = run();
  EXPECT_TRUE(done.error);
  EXPECT_THAT(done.removed, ElementsAre(name(1)));
}

TEST_F(DamagedWork, WhatIsNotThereIsNoTrouble) {
  ASSERT_TRUE(offsite_->remove(name(0)));
  const DamagedRemoved done = run();
  EXPECT_FALSE(done.error);
  EXPECT_THAT(done.removed, IsEmpty());
}

TEST_F(DamagedWork, JudgesSignedObjectsByThemselves) {
  const std::string epoch = epoch_name(fleet_.database, fleet_.epoch.key.id);
  work_.names = {epoch};
  work_.expected.clear();
  EXPECT_THAT(run().removed, IsEmpty());
  damage(*offsite_, epoch);
  EXPECT_THAT(run().removed, ElementsAre(epoch));
}

}  // namespace
}  // namespace holdfast
