#include "agent/session/enrolment.h"

#include <gtest/gtest.h>

#include <deque>

#include "shared/fleet/facts.h"
#include "shared/identity/certificate.h"
#include "shared/wire/codec.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

// A coordinator that does as it is told, to see what the agent makes of it.
class ScriptedCoordinator final : public ClientTransport {
 public:
  using Answer = std::function<std::optional<MessageBody>(const Message&)>;
  explicit ScriptedCoordinator(Answer answer) : answer_(std::move(answer)) {}
  Result<> send(ByteView bytes) override {
    const Message asked = decode_message(bytes).value();
    sent.push_back(asked);
    if (auto body = answer_(asked)) {
      Message reply;
      reply.in_reply_to = asked.id;
      reply.body = std::move(*body);
      replies_.push_back(encode_message(reply));
    }
    return {};
  }
  Result<std::optional<Bytes>> receive(Micros) override {
    if (replies_.empty()) return std::nullopt;
    Bytes next = std::move(replies_.front());
    replies_.pop_front();
    return next;
  }
  std::vector<Message> sent;

 private:
  Answer answer_;
  std::deque<Bytes> replies_;
};

class Enrolment : public testing::Test {
 protected:
  Enrolment() {
    token_.id = entropy_.id<TokenId>();
    entropy_.fill(token_.secret.writable());
    token_.root = root_.public_key;
    facts_.hostname = "db3";
  }
  Enrolled accept(const SignKeyPair& root, const CurvePublicKey& curve) {
    const FleetId fleet = entropy_.id<FleetId>();
    const SignKeyPair intermediate = make_sign_key(entropy_);
    NodeCertificate certificate;
    certificate.fleet = fleet;
    certificate.node = entropy_.id<NodeId>();
    certificate.curve = curve;
    certificate.signer = keys_.signer.public_key;
    certificate.recipient = keys_.recipient.public_key;
    Enrolled enrolled;
    enrolled.root = root.public_key;
    enrolled.chain = CertificateChain{issue_intermediate(root, {fleet, intermediate.public_key, {}, {}}),
                                      issue_node(intermediate, certificate)}
                         .encode();
    return enrolled;
  }
  auto enrol_with(ScriptedCoordinator& coordinator) {
    return try_enrolment(coordinator, token_, keys_, facts_, entropy_, clock_);
  }

  SeededEntropy entropy_{11};
  ManualClock clock_;
  SignKeyPair root_ = make_sign_key(entropy_);
  NodeKeys keys_{make_curve_key(entropy_), make_sign_key(entropy_), make_box_key(entropy_)};
  TokenText token_;
  NodeFacts facts_;
};

TEST_F(Enrolment, ProvesTheSecretWithoutSendingIt) {
  ScriptedCoordinator coordinator([&](const Message& asked) -> std::optional<MessageBody> {
    if (std::holds_alternative<EnrolHello>(asked.body)) return EnrolChallenge{entropy_.bytes<32>()};
    return accept(root_, keys_.curve.public_key);
  });
  const auto answer = enrol_with(coordinator);
  ASSERT_THAT(answer, Succeeded());
  EXPECT_TRUE(std::holds_alternative<Enrolled>(*answer));
  ASSERT_EQ(coordinator.sent.size(), 2U);
  for (const auto& message : coordinator.sent) {
    const Bytes bytes = encode_message(message);
    EXPECT_EQ(as_text(bytes).find(as_text(token_.secret.bytes())), std::string_view::npos);
  }
  const auto& hello = std::get<EnrolHello>(coordinator.sent[0].body);
  const auto& proof = std::get<EnrolProof>(coordinator.sent[1].body);
  EnrolmentTranscript transcript{token_.id,
                                 hello.nonce,
                                 proof.server_nonce,
                                 keys_.curve.public_key,
                                 keys_.signer.public_key,
                                 keys_.recipient.public_key,
                                 encode_facts(facts_texts(facts_))};
  EXPECT_EQ(proof.mac, enrolment_mac(token_verifier(token_.id, token_.secret), transcript));
}

TEST_F(Enrolment, HandsOnARefusalWithItsReason) {
  ScriptedCoordinator coordinator([](const Message&) -> std::optional<MessageBody> {
    return Refused{Code::denied, "token not accepted", "hint"};
  });
  EXPECT_THAT(enrol_with(coordinator), FailedWith(Code::denied, "token not accepted"));
}

TEST_F(Enrolment, DoesNotBelieveACertificateOfAnotherRoot) {
  const SignKeyPair other = make_sign_key(entropy_);
  ScriptedCoordinator coordinator([&](const Message& asked) -> std::optional<MessageBody> {
    if (std::holds_alternative<EnrolHello>(asked.body)) return EnrolChallenge{};
    return accept(other, keys_.curve.public_key);
  });
  EXPECT_THAT(enrol_with(coordinator), FailedWith(Code::denied));
}

TEST_F(Enrolment, DoesNotTakeACertificateForAnotherKey) {
  const CurveKeyPair other = make_curve_key(entropy_);
  ScriptedCoordinator coordinator([&](const Message& asked) -> std::optional<MessageBody> {
    if (std::holds_alternative<EnrolHello>(asked.body)) return EnrolChallenge{};
    return accept(root_, other.public_key);
  });
  EXPECT_THAT(enrol_with(coordinator), FailedWith(Code::denied, "not for this node's keys"));
}

TEST_F(Enrolment, WaitsWhenAnOperatorMustApprove) {
  ScriptedCoordinator coordinator([&](const Message& asked) -> std::optional<MessageBody> {
    if (std::holds_alternative<EnrolHello>(asked.body)) return EnrolChallenge{};
    return EnrolPending{"wait", 3};
  });
  const auto answer = enrol_with(coordinator);
  ASSERT_THAT(answer, Succeeded());
  EXPECT_EQ(std::get<EnrolPending>(*answer).retry_seconds, 3U);
}

TEST_F(Enrolment, SaysWhenNobodyAnswers) {
  ScriptedCoordinator coordinator([](const Message&) -> std::optional<MessageBody> { return std::nullopt; });
  EXPECT_THAT(enrol_with(coordinator), FailedWith(Code::timed_out));
}

TEST(Backoff, DoublesWithJitterUpToItsLimit) {
  SeededEntropy entropy(1);
  for (std::uint32_t failures = 0; failures < 40; ++failures) {
    const Micros wait = backoff(std::chrono::seconds(1), std::chrono::minutes(1), failures, entropy);
    const std::int64_t full = std::min<std::int64_t>(60'000'000, 1'000'000LL << std::min(failures, 20U));
    EXPECT_GE(wait.count(), full / 2);
    EXPECT_LE(wait.count(), full);
  }
}

}  // namespace
}  // namespace holdfast
