#include "shared/identity/certificate.h"

#include <gtest/gtest.h>

#include "shared/os/system_entropy.h"

namespace holdfast {
namespace {

class Certificate : public testing::Test {
 protected:
  Certificate() {
    chain.intermediate = issue_intermediate(root, {fleet, intermediate.public_key, from, until});
    chain.node = issue_node(intermediate, node());
  }
  NodeCertificate node() const {
    return {fleet, node_id, "db3", curve.public_key, signer.public_key, box.public_key, 7, from, until};
  }

  SystemEntropy entropy;
  SignKeyPair root = make_sign_key(entropy);
  SignKeyPair intermediate = make_sign_key(entropy);
  SignKeyPair signer = make_sign_key(entropy);
  CurveKeyPair curve = make_curve_key(entropy);
  BoxKeyPair box = make_box_key(entropy);
  FleetId fleet = entropy.id<FleetId>();
  NodeId node_id = entropy.id<NodeId>();
  Timestamp from = Timestamp::from_micros(1'700'000'000'000'000);
  Timestamp until = Timestamp::from_micros(1'800'000'000'000'000);
  CertificateChain chain;
};

TEST_F(Certificate, ChainGivesTheNodeBack) {
  const auto got = verify_chain(chain, root.public_key);
  ASSERT_TRUE(got) << got.error().text();
  EXPECT_EQ(got->fleet, fleet);
  EXPECT_EQ(got->node, node_id);
  EXPECT_EQ(got->name, "db3");
  EXPECT_EQ(got->curve, curve.public_key);
  EXPECT_EQ(got->signer, signer.public_key);
  EXPECT_EQ(got->recipient, box.public_key);
  EXPECT_EQ(got->generation, 7U);
  EXPECT_EQ(got->not_before, from);
  EXPECT_EQ(got->not_after, until);
}

TEST_F(Certificate, ChainKeepsItsBytes) {
  const auto again = CertificateChain::decode(chain.encode());
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, chain);
  EXPECT_EQ(again->encode(), chain.encode());
}

TEST_F(Certificate, ChainOfAnotherRootIsDenied) {
  EXPECT_EQ(verify_chain(chain, make_sign_key(entropy).public_key).error().code, Code::denied);
}

TEST_F(Certificate, NodeSignedBySomebodyElseIsDenied) {
  chain.node = issue_node(make_sign_key(entropy), node());
  EXPECT_EQ(verify_chain(chain, root.public_key).error().code, Code::denied);
}

TEST_F(Certificate, NodeOfAnotherFleetIsDenied) {
  NodeCertificate other = node();
  other.fleet = entropy.id<FleetId>();
  chain.node = issue_node(intermediate, other);
  EXPECT_EQ(verify_chain(chain, root.public_key).error().code, Code::denied);
}

TEST_F(Certificate, NodeCertificateCannotStandInForAnIntermediate) {
  EXPECT_FALSE(verify_intermediate(issue_node(root, node()), root.public_key));
}

TEST_F(Certificate, EveryFlippedBitAndEveryCutIsFound) {
  const Bytes sound = chain.encode();
  for (std::size_t i = 0; i < sound.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      Bytes damaged = sound;
      damaged[i] = static_cast<std::uint8_t>(damaged[i] ^ (1U << bit));
      const auto decoded = CertificateChain::decode(damaged);
      EXPECT_FALSE(decoded && verify_chain(*decoded, root.public_key)) << "byte " << i << " bit " << bit;
    }
    EXPECT_FALSE(CertificateChain::decode(ByteView(sound).first(i))) << "cut at " << i;
  }
  Bytes longer = sound;
  longer.push_back(0);
  EXPECT_FALSE(CertificateChain::decode(longer));
}

}  // namespace
}  // namespace holdfast
