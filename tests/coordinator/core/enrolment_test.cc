#include "shared/identity/certificate.h"
#include "shared/identity/token.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Enrolment : public FleetFixture {
 protected:
  Refused refused(const MessageBody& body) {
    if (!std::holds_alternative<Refused>(body)) {
      ADD_FAILURE() << "it was not refused";
      return {};
    }
    return std::get<Refused>(body);
  }
  std::uint32_t uses_left() { return list(Listing::tokens).tokens.at(0).uses_left; }
};

TEST_F(Enrolment, MakesANodeWithTheTokensLabelsAndACertificate) {
  Host host = make_host("db1");
  const auto answer = enrol(host, make_token({{"env", "prod"}, {"fleet", "demo"}}).text);
  ASSERT_TRUE(std::holds_alternative<Enrolled>(answer));
  const auto& enrolled = std::get<Enrolled>(answer);
  EXPECT_EQ(enrolled.name, "db1");
  EXPECT_EQ(enrolled.endpoints, std::vector<std::string>{"tcp://hub:7400"});
  const auto certificate = verify_chain(*CertificateChain::decode(enrolled.chain), root_.public_key);
  ASSERT_TRUE(certificate) << certificate.error().text();
  EXPECT_EQ(certificate->node, enrolled.node);
  EXPECT_EQ(certificate->curve, host.curve.public_key);
  EXPECT_EQ(certificate->signer, host.signer.public_key);
  EXPECT_EQ(certificate->recipient, host.recipient.public_key);
  const auto nodes = list(Listing::nodes).nodes;
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].node.labels, (Labels{{"env", "prod"}, {"fleet", "demo"}}));
  EXPECT_EQ(nodes[0].node.state, NodeState::active);
  EXPECT_EQ(core_->admission(Door::fleet, host.curve.public_key), Admission::admit);
}

TEST_F(Enrolment, ConsumesAUseInTheSameCommitThatCreatesTheNode) {
  Host host = make_host("db1");
  const std::string token = make_token({}, 3).text;
  EnrolHello hello;
  hello.token = decode_token(token)->id;
  const auto sends = say(host, hello, Door::enrol);
  EXPECT_EQ(uses_left(), 3U);
  MessageCame came;
  came.door = Door::enrol;
  came.peer = host.curve.public_key;
  came.message.body = make_proof(host, token, hello, *find_body<EnrolChallenge>(sends));
  const Effects effects = core_->apply(came, now_);
  int tokens = 0;
  int nodes = 0;
  for (const auto& change : effects.changes) {
    tokens += change.family == Family::tokens ? 1 : 0;
    nodes += change.family == Family::nodes ? 1 : 0;
  }
  EXPECT_EQ(tokens, 1);
  EXPECT_EQ(nodes, 1);
  restart();  // the effects were never committed
  EXPECT_EQ(uses_left(), 3U);
  EXPECT_TRUE(list(Listing::nodes).nodes.empty());
}

TEST_F(Enrolment, TakesTheKeyFromThePeerAndNotFromTheMessage) {
  Host host = make_host("db1");
  Host thief = make_host("evil");
  const std::string token = make_token().text;
  EnrolHello hello;
  hello.token = decode_token(token)->id;
  const auto sends = say(thief, hello, Door::enrol);
  // A proof that was made for another CURVE key, over the nonce the thief got.
  const auto proof = make_proof(host, token, hello, *find_body<EnrolChallenge>(sends));
  EXPECT_EQ(refused(say(thief, proof, Door::enrol).at(0).message.body).message, "token not accepted");
  EXPECT_TRUE(list(Listing::nodes).nodes.empty());
}

TEST_F(Enrolment, RefusesAProofThatWasUsedBefore) {
  Host host = make_host("db1");
  const std::string token = make_token({}, 5).text;
  EnrolHello hello;
  hello.token = decode_token(token)->id;
  const auto proof = make_proof(host, token, hello, *find_body<EnrolChallenge>(say(host, hello, Door::enrol)));
  EXPECT_TRUE(std::holds_alternative<Enrolled>(say(host, proof, Door::enrol).at(0).message.body));
  EXPECT_EQ(refused(say(host, proof, Door::enrol).at(0).message.body).code, Code::conflict);
  Host other = make_host("db2");
  EXPECT_EQ(refused(say(other, proof, Door::enrol).at(0).message.body).code, Code::conflict);
  EXPECT_EQ(uses_left(), 4U);
}

TEST_F(Enrolment, ForgetsANonceAfterAMinuteAndAfterARestart) {
  Host host = make_host("db1");
  const std::string token = make_token().text;
  EnrolHello hello;
  hello.token = decode_token(token)->id;
  auto proof = make_proof(host, token, hello, *find_body<EnrolChallenge>(say(host, hello, Door::enrol)));
  pass(std::chrono::seconds(61));
  EXPECT_EQ(refused(say(host, proof, Door::enrol).at(0).message.body).code, Code::conflict);
  proof = make_proof(host, token, hello, *find_body<EnrolChallenge>(say(host, hello, Door::enrol)));
  restart();
  EXPECT_EQ(refused(say(host, proof, Door::enrol).at(0).message.body).code, Code::conflict);
  EXPECT_TRUE(std::holds_alternative<Enrolled>(enrol(host, token)));
}

TEST_F(Enrolment, StaysBoundedWhenSomebodyOnlySaysHello) {
  Host flood = make_host("flood");
  Host host = make_host("db1");
  const std::string token = make_token().text;
  EnrolHello hello;
  hello.token = decode_token(token)->id;
  const auto challenge = *find_body<EnrolChallenge>(say(host, hello, Door::enrol));
  for (int i = 0; i < 200; ++i) say(flood, hello, Door::enrol);
  EXPECT_TRUE(std::holds_alternative<Enrolled>(
      say(host, make_proof(host, token, hello, challenge), Door::enrol).at(0).message.body));
}

TEST_F(Enrolment, DoesNotSayWhatIsWrongToWhoDoesNotKnowTheSecret) {
  Host host = make_host("db1");
  const std::string token = make_token().text;
  EnrolHello hello;
  hello.token = decode_token(token)->id;
  auto proof = make_proof(host, token, hello, *find_body<EnrolChallenge>(say(host, hello, Door::enrol)));
  proof.mac[0] ^= 1U;
  const auto wrong = refused(say(host, proof, Door::enrol).at(0).message.body);
  hello.token = TokenId({9});
  proof = make_proof(host, token, hello, *find_body<EnrolChallenge>(say(host, hello, Door::enrol)));
  const auto unknown = refused(say(host, proof, Door::enrol).at(0).message.body);
  EXPECT_EQ(wrong.code, Code::denied);
  EXPECT_EQ(wrong.message, "token not accepted");
  EXPECT_EQ(unknown.message, wrong.message);
  EXPECT_EQ(unknown.code, wrong.code);
}

TEST_F(Enrolment, TellsTheHonestWhyTheTokenIsNoGood) {
  Host host = make_host("db1");
  const auto attempt = [&](const std::string& token) { return refused(enrol(host, token)).message; };

  const auto revoked = make_token();
  expect<DoneReply>(RevokeTokenRequest{revoked.token.id.text()});
  EXPECT_EQ(attempt(revoked.text), "the token was revoked");

  CreateTokenRequest request;
  request.cidrs = {"192.168.0.0/16"};
  EXPECT_EQ(attempt(expect<TokenReply>(request).text), "the token may not be used from address \"10.0.0.7\"");
  request.cidrs = {};
  request.host_pattern = "web*";
  EXPECT_EQ(attempt(expect<TokenReply>(request).text), "the token may not be used by host \"db1\"");

  const auto once = make_token({}, 1);
  Host first = make_host("first");
  EXPECT_TRUE(std::holds_alternative<Enrolled>(enrol(first, once.text)));
  EXPECT_EQ(attempt(once.text), "the token is used up");

  const auto old = make_token();
  pass(std::chrono::hours(25));
  EXPECT_EQ(attempt(old.text), "the token has expired");
}

TEST_F(Enrolment, AnswersTheSameKeyAgainWithoutTakingAUse) {
  Host host = make_host("db1");
  const auto token = make_token({}, 2);
  const auto first = enrol(host, token.text);
  const auto again = enrol(host, token.text);
  EXPECT_EQ(std::get<Enrolled>(again).node, std::get<Enrolled>(first).node);
  EXPECT_EQ(std::get<Enrolled>(again).chain, std::get<Enrolled>(first).chain);
  EXPECT_EQ(uses_left(), 1U);
  pass(std::chrono::hours(25));
  EXPECT_TRUE(std::holds_alternative<Enrolled>(enrol(host, token.text)));
}

TEST_F(Enrolment, RefusesARevokedNode) {
  Host host = join("db1");
  expect<DoneReply>(NodeRequest{NodeRequest::Verb::revoke, "db1", {}, {}});
  EXPECT_EQ(core_->admission(Door::fleet, host.curve.public_key), Admission::revoked);
  EXPECT_EQ(refused(enrol(host, make_token().text)).code, Code::denied);
  EXPECT_EQ(find_body<Welcome>(hello(host)), nullptr);
}

TEST_F(Enrolment, WaitsForApprovalWhenTheTokenSaysSo) {
  Host host = make_host("db1");
  const auto token = make_token({}, 2, Approval::manual);
  EXPECT_TRUE(std::holds_alternative<EnrolPending>(enrol(host, token.text)));
  EXPECT_TRUE(std::holds_alternative<EnrolPending>(enrol(host, token.text)));
  EXPECT_EQ(uses_left(), 1U);
  EXPECT_EQ(core_->admission(Door::fleet, host.curve.public_key), Admission::unknown);
  EXPECT_NE(find_body<Refused>(hello(host)), nullptr);
  expect<DoneReply>(NodeRequest{NodeRequest::Verb::approve, "db1", {}, {}});
  const auto answer = enrol(host, token.text);
  ASSERT_TRUE(std::holds_alternative<Enrolled>(answer));
  EXPECT_TRUE(verify_chain(*CertificateChain::decode(std::get<Enrolled>(answer).chain), root_.public_key));
  EXPECT_NE(find_body<Welcome>(hello(host)), nullptr);
  EXPECT_EQ(refusal(NodeRequest{NodeRequest::Verb::approve, "db1", {}, {}}).code, Code::conflict);
}

TEST_F(Enrolment, MakesNamesUnique) {
  Host a = make_host("db");
  Host b = make_host("db");
  const std::string token = make_token().text;
  EXPECT_EQ(std::get<Enrolled>(enrol(a, token)).name, "db");
  EXPECT_EQ(std::get<Enrolled>(enrol(b, token)).name, "db-2");
}

TEST_F(Enrolment, NamesTheVersionToInstallToWhoSpeaksAnother) {
  Host host = make_host("db1");
  EnrolHello hello;
  hello.version_min = protocol_max + 1;
  hello.version_max = protocol_max + 2;
  const auto answer = refused(say(host, hello, Door::enrol).at(0).message.body);
  EXPECT_EQ(answer.code, Code::unsupported);
  EXPECT_NE(answer.hint.find("0.1.0"), std::string::npos);
  Host joined = join("db2");
  Hello greeting;
  greeting.version_min = protocol_max + 1;
  greeting.version_max = protocol_max + 1;
  const auto sends = say(joined, greeting);
  ASSERT_NE(find_body<Refused>(sends), nullptr);
  EXPECT_EQ(find_body<Refused>(sends)->code, Code::unsupported);
}

TEST_F(Enrolment, TakesNothingElseThroughItsDoor) {
  Host host = join("db1");
  EXPECT_TRUE(say(host, Heartbeat{}, Door::enrol).empty());
  EXPECT_TRUE(say(host, Inventory{1, {postgres("/d", 7)}}, Door::enrol).empty());
  EXPECT_TRUE(list(Listing::databases).databases.empty());
}

}  // namespace
}  // namespace holdfast
