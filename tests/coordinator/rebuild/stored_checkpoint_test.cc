// Which checkpoint is believed.
#include "coordinator/rebuild/stored_checkpoint.h"

#include <gmock/gmock.h>

#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

class StoredCheckpoints : public testing::Test {
 protected:
  // Its one file says which it is.
  Bytes checkpoint(std::uint64_t epoch, std::uint64_t sequence, const SignKeyPair& signer) {
    CheckpointContent content;
    content.files = {{std::to_string(epoch) + "/" + std::to_string(sequence), {}}};
    return encode(epoch, sequence, signer, encode_checkpoint_content(content));
  }
  Bytes encode(std::uint64_t epoch, std::uint64_t sequence, const SignKeyPair& signer, const Bytes& plain) {
    CheckpointHeader header;
    header.fleet = fleet_.fleet;
    header.coordinator_epoch = epoch;
    header.sequence = sequence;
    return encode_checkpoint(header, plain, fleet_.recovery.public_key, fleet_.chain.intermediate, signer,
                             fleet_.entropy)
        .value();
  }
  void put(MemoryStore& store, std::uint64_t epoch, std::uint64_t sequence) {
    ASSERT_THAT(store.put(checkpoint_name(epoch, sequence), checkpoint(epoch, sequence, fleet_.intermediate)),
                Succeeded());
  }
  FoundCheckpoints find() {
    auto found = find_checkpoint(stores_, fleet_.anchor(), fleet_.recovery);
    EXPECT_THAT(found, Succeeded());
    return std::move(found).value_or(FoundCheckpoints{});
  }
  static std::string which(const FoundCheckpoints& found) {
    return found.newest ? found.newest->content.files.at(0).name + " of " + found.newest->store : "none";
  }

  TestFleet fleet_;
  std::shared_ptr<MemoryStore> one_ = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> two_ = std::make_shared<MemoryStore>();
  std::vector<NamedStore> stores_{{"one", one_}, {"two", two_}};
};

TEST_F(StoredCheckpoints, TheNewestOfAllStoresIsTaken) {
  EXPECT_EQ(which(find()), "none");
  put(*one_, 3, 900);
  put(*two_, 4, 1);
  EXPECT_EQ(which(find()), "4/1 of two");
  EXPECT_EQ(find().newest_coordinator, 4U);
}

TEST_F(StoredCheckpoints, ADamagedOneIsPassedOverForItsCopyAndThenForTheOneBefore) {
  put(*one_, 4, 1);
  put(*one_, 4, 2);
  put(*two_, 4, 2);
  one_->overwrite(checkpoint_name(4, 2), to_bytes(ByteView(one_->get(checkpoint_name(4, 2)).value()).first(600)));
  EXPECT_EQ(which(find()), "4/2 of two");
  two_->overwrite(checkpoint_name(4, 2), {});
  const auto found = find();
  EXPECT_EQ(which(found), "4/1 of one");
  EXPECT_EQ(found.refused.size(), 2U);
}

TEST_F(StoredCheckpoints, WhoMayWriteIntoAStoreCannotPlantOne) {
  put(*one_, 4, 1);
  one_->overwrite(checkpoint_name(9, 1), checkpoint(9, 1, fleet_.signer));
  one_->overwrite(checkpoint_name(8, 1), one_->get(checkpoint_name(4, 1)).value());  // an old one under a new name
  const auto found = find();
  EXPECT_EQ(which(found), "4/1 of one");
  EXPECT_EQ(found.newest_coordinator, 4U) << "an epoch that nobody signed for does not count";
  EXPECT_EQ(found.refused.size(), 2U);
}

TEST_F(StoredCheckpoints, OneOfANewerProgramIsNotPassedOver) {
  put(*one_, 4, 1);
  Bytes newer = encode_checkpoint_content({});
  newer[7] = '9';
  one_->overwrite(checkpoint_name(4, 2), encode(4, 2, fleet_.intermediate, newer));
  EXPECT_THAT(find_checkpoint(stores_, fleet_.anchor(), fleet_.recovery), FailedWith(Code::unsupported));
}

}  // namespace
}  // namespace holdfast
