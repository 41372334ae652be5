// Checkpoints get into every store, soon after what matters, and old ones go.
#include "coordinator/shell/checkpoint_writer.h"

#include <gmock/gmock.h>

#include <thread>

#include "coordinator/catalog/rocks_store.h"
#include "coordinator/catalog/rows.h"
#include "shared/os/system_entropy.h"
#include "shared/repository/checkpoint.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/memory_store.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::IsEmpty;
using testing::SizeIs;

class Checkpoints : public testing::Test {
 protected:
  Checkpoints() {
    StoreInfo one;
    one.id = StoreId({1});
    one.name = "one";
    StoreInfo two;
    two.id = StoreId({2});
    two.name = "two";
    EXPECT_THAT(catalog_->commit({put_row(one), put_row(two)}, epoch_), Succeeded());
  }
  CheckpointIdentity identity(std::uint64_t epoch = 7) const {
    return {fleet_,
            root_.public_key,
            recovery_.public_key,
            certificate_,
            {intermediate_.public_key, intermediate_.secret_key.clone()},
            epoch,
            {{"fleet.yaml", Bytes{1}}}};
  }
  OpenStore opener() {
    return [this](const StoreInfo& info) -> Result<std::shared_ptr<Store>> {
      if (info.name == away_) return fail(Code::unavailable, "not mounted");
      return info.name == "one" ? one_ : two_;
    };
  }
  std::vector<CheckpointOutcome> write(std::uint64_t sequence, std::uint64_t epoch = 7) {
    auto written = write_checkpoint(identity(epoch), *catalog_, sequence, Timestamp(), opener(), entropy_);
    EXPECT_THAT(written, Succeeded());
    return std::move(written).value_or(std::vector<CheckpointOutcome>{});
  }
  static std::vector<std::string> names(MemoryStore& store) {
    std::vector<std::string> out;
    const auto objects = store.list(checkpoint_prefix());
    for (const auto& object : *objects) out.push_back(object.name);
    return out;
  }
  static bool eventually(const std::function<bool()>& holds) {
    for (int i = 0; i < 1000 && !holds(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return holds();
  }

  SystemEntropy entropy_;
  SystemClock clock_;
  const FleetId fleet_ = entropy_.id<FleetId>();
  const SignKeyPair root_ = make_sign_key(entropy_);
  const SignKeyPair intermediate_ = make_sign_key(entropy_);
  const BoxKeyPair recovery_ = make_box_key(entropy_);
  const SignedBytes certificate_ =
      issue_intermediate(root_, {fleet_, intermediate_.public_key, Timestamp(), Timestamp::from_micros(1)});
  const TemporaryDirectory directory_;
  std::unique_ptr<RocksStore> catalog_ =
      RocksStore::open(directory_ / "catalog", OpenCatalog::create_if_missing).value();
  std::uint64_t epoch_ = *catalog_->begin_epoch();
  std::shared_ptr<MemoryStore> one_ = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> two_ = std::make_shared<MemoryStore>();
  std::string away_;
};

TEST_F(Checkpoints, GoIntoEveryStoreForTheRecoveryKeyAlone) {
  for (const auto& outcome : write(1)) EXPECT_FALSE(outcome.not_taken) << outcome.store;
  for (auto* store : {one_.get(), two_.get()}) {
    const auto opened = open_checkpoint(store->get(checkpoint_name(7, 1)).value(), fleet_, root_.public_key, recovery_);
    ASSERT_THAT(opened, Succeeded());
    const auto content = decode_checkpoint_content(*opened);
    ASSERT_THAT(content, Succeeded());
    EXPECT_EQ(content->files, identity().files);
    EXPECT_FALSE(content->rows.empty());
  }
}

TEST_F(Checkpoints, AStoreThatIsAwayDoesNotKeepTheOthersFromIt) {
  away_ = "one";
  const auto outcomes = write(1);
  ASSERT_THAT(outcomes, SizeIs(2));
  EXPECT_TRUE(outcomes[0].not_taken);
  EXPECT_FALSE(outcomes[1].not_taken);
  EXPECT_THAT(names(*two_), SizeIs(1));
}

// An access key that may write and not remove.
class KeepsEverything final : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Result<> remove(const std::string& name) override { return fail(Code::denied, name); }
};

TEST_F(Checkpoints, AStoreThatLetsNothingGoTakesThemAllTheSame) {
  const OpenStore open = [this](const StoreInfo& info) -> Result<std::shared_ptr<Store>> {
    return std::make_shared<KeepsEverything>(info.name == "one" ? one_ : two_);
  };
  for (std::uint64_t sequence = 1; sequence <= checkpoints_kept + 1; ++sequence) {
    const auto outcomes = write_checkpoint(identity(), *catalog_, sequence, Timestamp(), open, entropy_);
    ASSERT_THAT(outcomes, Succeeded());
    EXPECT_FALSE(outcomes->at(0).not_taken);
    EXPECT_EQ(outcomes->at(0).not_tidied.has_value(), sequence > checkpoints_kept);
  }
}

TEST_F(Checkpoints, TheNewestFewStay) {
  for (std::uint64_t sequence = 1; sequence <= checkpoints_kept + 3; ++sequence) write(sequence);
  const auto left = names(*one_);
  ASSERT_THAT(left, SizeIs(checkpoints_kept));
  EXPECT_EQ(left.front(), checkpoint_name(7, 4));
  write(1, 8);
  EXPECT_EQ(names(*one_).back(), checkpoint_name(8, 1)) << "a later coordinator begins to count again";
}

TEST_F(Checkpoints, WhatSomebodyPlantedPushesNoneOut) {
  for (std::uint64_t sequence = 1; sequence <= 3; ++sequence) write(sequence);
  for (std::uint64_t i = 0; i < 10; ++i) one_->overwrite(checkpoint_name(~i, 1), Bytes(100, 1));
  const Bytes sound = one_->get(checkpoint_name(7, 3)).value();
  for (std::uint64_t i = 0; i < 10; ++i) one_->overwrite(checkpoint_name(1000 + i, 1), sound);
  write(4);
  EXPECT_THAT(names(*one_), SizeIs(24)) << "nothing went";
}

TEST_F(Checkpoints, AChangeThatCannotWaitIsWrittenSoonAndNoneWithoutAChange) {
  CheckpointWriter writer({.identity = identity(),
                           .every = std::chrono::hours(1),
                           .soon = std::chrono::milliseconds(10),
                           .snapshot = [this] { return catalog_->snapshot(); },
                           .open = opener(),
                           .clock = clock_,
                           .entropy = entropy_,
                           .log = Logger::none()});
  ASSERT_TRUE(eventually([&] { return names(*two_).size() == 1; })) << "the first one, after the start";
  writer.changed(CheckpointUrgency::none);
  writer.changed(CheckpointUrgency::can_wait);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_THAT(names(*two_), SizeIs(1));
  writer.changed(CheckpointUrgency::soon);
  EXPECT_TRUE(eventually([&] { return names(*two_).size() == 2; }));
}

}  // namespace
}  // namespace holdfast
