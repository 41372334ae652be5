#include "shared/repository/epoch.h"

#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

TEST(Epoch, OpensForItsRecipientAndNobodyElse) {
  TestFleet fleet;
  const auto document = read_epoch(fleet.epoch.object, fleet.fleet, fleet.root.public_key);
  ASSERT_TRUE(document) << document.error().text();
  EXPECT_EQ(document->signer, fleet.signer.public_key);
  const auto key = open_epoch(*document, fleet.recovery);
  ASSERT_TRUE(key) << key.error().text();
  EXPECT_EQ(to_bytes(key->key.bytes()), to_bytes(fleet.epoch.key.key.bytes()));
  EXPECT_EQ(open_epoch(*document, make_box_key(fleet.entropy)).error().code, Code::denied);
}

// A stolen database host has every key its agent keeps on disk, and opens nothing of yesterday with them.
TEST(Epoch, DoesNotOpenForTheNodeThatWroteIt) {
  TestFleet fleet;
  const auto document = read_epoch(fleet.epoch.object, fleet.fleet, fleet.root.public_key);
  ASSERT_TRUE(document);
  EXPECT_EQ(open_epoch(*document, fleet.node_box).error().code, Code::denied);
}

TEST(Epoch, NeedsARecipientWithARealKey) {
  TestFleet fleet;
  const auto make = [&](const std::vector<Recipient>& recipients) {
    return make_epoch(fleet.entropy, fleet.fleet, fleet.database, fleet.node, recipients, fleet.chain, fleet.signer,
                      fleet.from);
  };
  EXPECT_EQ(make({}).error().code, Code::invalid);
  EXPECT_EQ(make({{"none", BoxPublicKey()}}).error().code, Code::invalid);
}

TEST(Epoch, CanBeSealedAgainForARestore) {
  TestFleet fleet;
  const BoxKeyPair host = make_box_key(fleet.entropy);
  const Bytes sealed = seal_epoch_key(fleet.epoch.key, host.public_key);
  const auto key = open_epoch_key(fleet.epoch.key.id, sealed, host);
  ASSERT_TRUE(key);
  EXPECT_EQ(to_bytes(key->key.bytes()), to_bytes(fleet.epoch.key.key.bytes()));
  EXPECT_EQ(open_epoch_key(fleet.epoch.key.id, sealed, fleet.recovery).error().code, Code::denied);
}

TEST(Epoch, OfAnotherFleetRootOrSignerIsDenied) {
  TestFleet fleet;
  TestFleet other(2);
  EXPECT_EQ(read_epoch(fleet.epoch.object, other.fleet, fleet.root.public_key).error().code, Code::denied);
  EXPECT_EQ(read_epoch(fleet.epoch.object, fleet.fleet, other.root.public_key).error().code, Code::denied);
  // Signed with a key its certificate does not name.
  const auto forged = make_epoch(fleet.entropy, fleet.fleet, fleet.database, fleet.node,
                                 {{"recovery", fleet.recovery.public_key}}, fleet.chain, other.signer, fleet.from);
  EXPECT_EQ(read_epoch(forged->object, fleet.fleet, fleet.root.public_key).error().code, Code::denied);
  // In the name of another node.
  const auto stolen = make_epoch(fleet.entropy, fleet.fleet, fleet.database, other.node,
                                 {{"recovery", fleet.recovery.public_key}}, fleet.chain, fleet.signer, fleet.from);
  EXPECT_EQ(read_epoch(stolen->object, fleet.fleet, fleet.root.public_key).error().code, Code::denied);
}

TEST(Epoch, EveryFlippedBitAndCutIsFound) {
  TestFleet fleet;
  const Bytes sound = fleet.epoch.object;
  for (std::size_t i = 0; i < sound.size(); ++i) {
    Bytes damaged = sound;
    damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ (1U << (i % 8)));
    EXPECT_FALSE(read_epoch(damaged, fleet.fleet, fleet.root.public_key)) << i;
    EXPECT_FALSE(read_epoch(ByteView(sound).first(i), fleet.fleet, fleet.root.public_key)) << i;
  }
  Bytes longer = sound;
  longer.push_back(0);
  EXPECT_FALSE(read_epoch(longer, fleet.fleet, fleet.root.public_key));
}

TEST(KeyRing, NamesTheEpochItHasNoKeyFor) {
  TestFleet fleet;
  const EpochId unknown = fleet.entropy.id<EpochId>();
  const auto found = fleet.ring.find(unknown);
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, Code::denied);
  EXPECT_NE(found.error().message.find(unknown.text()), std::string::npos);
}

}  // namespace
}  // namespace holdfast
