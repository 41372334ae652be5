// A checkpoint of the coordinator: only the recovery key opens it, and nobody but the fleet's coordinator can make one.
#include "shared/repository/checkpoint.h"

#include <gmock/gmock.h>

#include "tests/harness/result_matchers.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

class Checkpoint : public testing::Test {
 protected:
  Bytes encode(const SignKeyPair& signer, const Bytes& plain) {
    CheckpointHeader header;
    header.fleet = fleet_.fleet;
    header.coordinator_epoch = 7;
    header.sequence = 3;
    header.made_at = Timestamp::from_micros(1'000'000);
    auto object =
        encode_checkpoint(header, plain, fleet_.recovery.public_key, fleet_.chain.intermediate, signer, fleet_.entropy);
    EXPECT_THAT(object, Succeeded());
    return object.value_or(Bytes{});
  }
  Result<Bytes> open(const Bytes& object) const {
    return open_checkpoint(object, fleet_.fleet, fleet_.root.public_key, fleet_.recovery);
  }

  TestFleet fleet_;
  Bytes plain_ = fleet_.text_bytes(3U << 20U);  // several frames
  Bytes object_ = encode(fleet_.intermediate, plain_);
};

TEST_F(Checkpoint, ComesBackForTheRecoveryKey) {
  const auto opened = open(object_);
  ASSERT_THAT(opened, Succeeded());
  EXPECT_TRUE(*opened == plain_);
  EXPECT_LT(object_.size(), plain_.size());
}

TEST_F(Checkpoint, ItsFrontIsEnoughToKnowWhoseAndWhichItIs) {
  const auto header =
      verify_checkpoint_header(ByteView(object_).first(checkpoint_front_limit), fleet_.fleet, fleet_.root.public_key);
  ASSERT_THAT(header, Succeeded());
  EXPECT_EQ(header->coordinator_epoch, 7U);
  EXPECT_EQ(header->sequence, 3U);
  EXPECT_EQ(header->recipient, fleet_.recovery.public_key);
  EXPECT_EQ(header->made_at, Timestamp::from_micros(1'000'000));
}

TEST_F(Checkpoint, IsRefusedWhenSomebodyElseSignedIt) {
  // A node has a key that the fleet vouches for, but not for this.
  EXPECT_THAT(open(encode(fleet_.signer, plain_)), FailedWith(Code::denied));
  const TestFleet other(2);
  EXPECT_THAT(open_checkpoint(object_, other.fleet, other.root.public_key, fleet_.recovery), FailedWith(Code::denied));
  EXPECT_THAT(open_checkpoint(object_, other.fleet, fleet_.root.public_key, fleet_.recovery), FailedWith(Code::denied));
}

TEST_F(Checkpoint, AnotherRecoveryKeyDoesNotOpenIt) {
  const TestFleet other(2);
  EXPECT_THAT(open_checkpoint(object_, fleet_.fleet, fleet_.root.public_key, other.recovery), FailedWith(Code::denied));
}

TEST_F(Checkpoint, IsRefusedWhenAnyByteIsAnotherOrItIsCutShort) {
  for (std::size_t at = 0; at < object_.size(); at += at < 1024 ? 7 : 40'009) {
    Bytes damaged = object_;
    damaged[at] ^= 1U;
    EXPECT_FALSE(open(damaged)) << "byte " << at;
  }
  for (const std::size_t size : {std::size_t{0}, std::size_t{5}, std::size_t{300}, object_.size() - 1}) {
    EXPECT_FALSE(open(to_bytes(ByteView(object_).first(size)))) << size << " bytes";
  }
  Bytes longer = object_;
  longer.push_back(0);
  EXPECT_FALSE(open(longer));
}

TEST_F(Checkpoint, NothingIsNoCheckpoint) {
  EXPECT_THAT(encode_checkpoint({}, {}, fleet_.recovery.public_key, fleet_.chain.intermediate, fleet_.intermediate,
                                fleet_.entropy),
              FailedWith(Code::invalid));
}

}  // namespace
}  // namespace holdfast
