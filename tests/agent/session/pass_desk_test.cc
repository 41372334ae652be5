#include "agent/session/pass_desk.h"

#include <gmock/gmock.h>

#include <future>

#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using Kind = BucketWish::Kind;

class Desk : public testing::Test {
 protected:
  // The thread that speaks with the coordinator, for as long as `asked` waits.
  Result<BucketPass> served(std::future<Result<BucketPass>> asked) {
    while (asked.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) serve();
    return asked.get();
  }
  void serve() {
    desk.send_waiting([this](const PassRequest& request) -> std::optional<std::uint64_t> {
      if (!connected) return std::nullopt;
      sent.push_back(request);
      return sent.size();
    });
    for (; answers && answered < sent.size(); ++answered) {
      desk.answered(answered + 1, {{"https://s3/" + sent[answered].wish.name, {}, std::chrono::hours(1)}, refusal});
    }
  }
  std::future<Result<BucketPass>> ask(const std::string& name) {
    return std::async(std::launch::async, [this, name] { return desk.ask({"far", {Kind::get, name}}); });
  }

  ManualClock clock;
  std::atomic<int> woken{0};
  PassDesk desk{clock, [this] { ++woken; }, {std::chrono::milliseconds(200), std::chrono::seconds(15)}};
  bool connected = true;
  bool answers = true;
  std::optional<Refused> refusal;
  std::vector<PassRequest> sent;
  std::size_t answered = 0;
};

TEST_F(Desk, BringsEachItsOwnAnswer) {
  desk.heard();
  auto a = ask("db/a");
  auto b = ask("db/b");
  EXPECT_EQ(served(std::move(a)).value().url, "https://s3/db/a");
  EXPECT_EQ(served(std::move(b)).value().url, "https://s3/db/b");
  EXPECT_EQ(woken.load(), 2);
}

TEST_F(Desk, BringsTheRefusal) {
  desk.heard();
  refusal = Refused{Code::denied, "not yours", ""};
  EXPECT_THAT(served(ask("db/a")), FailedWith(Code::denied));
}

TEST_F(Desk, HasNobodyToAskBeforeTheCoordinatorIsHeard) {
  EXPECT_THAT(ask("db/a").get(), FailedWith(Code::unavailable));
  EXPECT_TRUE(sent.empty());
}

TEST_F(Desk, SaysAtOnceThatNobodyIsConnected) {
  desk.heard();
  connected = false;
  EXPECT_THAT(served(ask("db/a")), FailedWith(Code::unavailable));
}

TEST_F(Desk, WaitsOnceForACoordinatorThatDoesNotAnswerAndNotAgainForAWhile) {
  desk.heard();
  answers = false;
  EXPECT_THAT(served(ask("db/a")), FailedWith(Code::unavailable));
  EXPECT_EQ(sent.size(), 1U);
  EXPECT_THAT(ask("db/b").get(), FailedWith(Code::unavailable));
  EXPECT_EQ(sent.size(), 1U) << "nobody was kept waiting";
  clock.advance(std::chrono::seconds(16));
  EXPECT_THAT(served(ask("db/c")), FailedWith(Code::unavailable));
  EXPECT_EQ(sent.size(), 2U) << "one tries again";
}

TEST_F(Desk, AsksAgainAsSoonAsTheCoordinatorIsHeard) {
  desk.heard();
  answers = false;
  EXPECT_THAT(served(ask("db/a")), FailedWith(Code::unavailable));
  answers = true;
  desk.heard();
  EXPECT_THAT(served(ask("db/b")), Succeeded());
}

TEST_F(Desk, NeverLetsTheSpeakerWaitForItself) {
  desk.heard();
  serve();
  EXPECT_THAT(desk.ask({"far", {Kind::get, "db/a"}}), FailedWith(Code::unavailable));
}

TEST_F(Desk, TellsTheSpeakerLater) {
  std::optional<Result<BucketPass>> told;
  desk.ask_later({"far", {Kind::put, "db/"}}, [&](Result<BucketPass> pass) { told = std::move(pass); });
  EXPECT_FALSE(told);
  serve();
  ASSERT_TRUE(told);
  EXPECT_EQ(told->value().url, "https://s3/db/");
}

TEST_F(Desk, LetsEverybodyGoWhenItCloses) {
  desk.heard();
  answers = false;
  auto asked = ask("db/a");
  while (sent.empty()) serve();
  desk.close();
  EXPECT_THAT(asked.get(), FailedWith(Code::unavailable));
  EXPECT_THAT(ask("db/b").get(), FailedWith(Code::unavailable));
}

}  // namespace
}  // namespace holdfast
