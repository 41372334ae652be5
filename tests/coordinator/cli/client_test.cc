#include "coordinator/cli/client.h"

#include "tests/coordinator/cli/fake_fleet.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

class ClientTest : public testing::Test {
 protected:
  void SetUp() override {
    wire_.answer = [](const OperatorBody&) { return OperatorReplyBody(DoneReply{{"ok"}}); };
  }
  Client client() { return Client(transport(), clock_, entropy_, stop_, {.endpoint = "tcp://c:7400"}); }
  std::unique_ptr<FakeTransport> transport() {
    auto made = std::make_unique<FakeTransport>(wire_, clock_);
    transport_ = made.get();
    return made;
  }

  ManualClock clock_;
  SeededEntropy entropy_{1};
  StopToken stop_;
  FakeWire wire_;
  FakeTransport* transport_ = nullptr;
};

TEST_F(ClientTest, ReturnsTheAnswer) {
  Client asking = client();
  const auto reply = asking.ask(RevokeTokenRequest{"7"});
  ASSERT_THAT(reply, Succeeded());
  EXPECT_EQ(std::get<DoneReply>(*reply).lines, std::vector<std::string>{"ok"});
  EXPECT_EQ(asking.contact(), Contact::made);
}

TEST_F(ClientTest, SendsAgainUnderTheSameIdUntilAnAnswerComes) {
  wire_.lose = 2;
  Client asking = client();
  EXPECT_THAT(asking.ask(RevokeTokenRequest{"7"}), Succeeded());
  ASSERT_EQ(wire_.sent.size(), 3U);
  EXPECT_EQ(wire_.sent[0].id, wire_.sent[1].id);
  EXPECT_EQ(wire_.sent[0].id, wire_.sent[2].id);
}

TEST_F(ClientTest, GivesEachQuestionAnIdOfItsOwn) {
  Client asking = client();
  EXPECT_THAT(asking.ask(RevokeTokenRequest{"7"}), Succeeded());
  EXPECT_THAT(asking.ask(RevokeTokenRequest{"7"}), Succeeded());
  Client later = client();
  EXPECT_THAT(later.ask(RevokeTokenRequest{"7"}), Succeeded());
  EXPECT_LT(wire_.sent[0].id, wire_.sent[1].id);
  EXPECT_NE(wire_.sent[2].id, wire_.sent[0].id);
  EXPECT_NE(wire_.sent[2].id, wire_.sent[1].id);
}

TEST_F(ClientTest, GivesUpWhenNothingAnswersInTime) {
  wire_.lose = 1000;
  Client asking = client();
  const Micros start = clock_.monotonic();
  const auto reply = asking.ask(RevokeTokenRequest{"7"});
  EXPECT_THAT(reply, FailedWith(Code::unavailable, "tcp://c:7400"));
  EXPECT_EQ(asking.contact(), Contact::failed);
  EXPECT_EQ(clock_.monotonic() - start, std::chrono::seconds(10));
  EXPECT_LE(wire_.sent.size(), 6U) << "a bounded number of tries";
}

TEST_F(ClientTest, TurnsARefusalIntoItsError) {
  wire_.answer = [](const OperatorBody&) {
    return OperatorReplyBody(Refused{Code::denied, "role viewer may not revoke", "ask an admin"});
  };
  Client asking = client();
  const auto reply = asking.ask(RevokeTokenRequest{"7"});
  ASSERT_THAT(reply, FailedWith(Code::denied, "role viewer"));
  EXPECT_EQ(reply.error().hint, "ask an admin");
}

TEST_F(ClientTest, DropsTheAnswerToAnEarlierQuestion) {
  Client asking = client();
  Message late;
  late.in_reply_to = 1;
  late.body = OperatorReply{DoneReply{{"of another question"}}};
  transport_->arrive(encode_message(late));
  const auto reply = asking.ask(RevokeTokenRequest{"7"});
  ASSERT_THAT(reply, Succeeded());
  EXPECT_EQ(std::get<DoneReply>(*reply).lines, std::vector<std::string>{"ok"});
}

TEST_F(ClientTest, EndsWhenAStopIsRequested) {
  wire_.lose = 1000;
  wire_.while_waiting = [this] { stop_.request_stop(); };
  Client asking = client();
  EXPECT_THAT(asking.ask(RevokeTokenRequest{"7"}), FailedWith(Code::cancelled));
}

}  // namespace
}  // namespace holdfast
