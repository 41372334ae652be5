#include "agent/session/link.h"

#include <gtest/gtest.h>

#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

class Link : public testing::Test {
 protected:
  Link() : state_(AgentState::open(directory_.path()).value()) { restart(); }
  // The agent dies and comes back.
  void restart() { link_ = std::make_unique<CoordinatorLink>(*state_, clock_, entropy_, NodeFacts{}, "test"); }

  template <class Body>
  CoordinatorLink::Received says(Body body) {
    Message message;
    message.body = std::move(body);
    auto received = link_->receive(message);
    EXPECT_THAT(received, Succeeded());
    return std::move(*received);
  }
  void welcome(std::uint64_t epoch = 5) {
    EXPECT_THAT(link_->hello(), Succeeded());
    Welcome welcome;
    welcome.epoch = epoch;
    welcome.heartbeat_seconds = 10;
    EXPECT_FALSE(says(welcome).refused);
  }
  template <class Body>
  std::vector<Body> due() {
    std::vector<Body> out;
    const auto messages = link_->due({}, 0).value();
    for (const auto& message : messages) {
      if (const auto* body = std::get_if<Body>(&message.body)) out.push_back(*body);
    }
    return out;
  }
  Order order(std::uint64_t epoch) {
    Order out;
    out.id = entropy_.id<JobId>();
    out.epoch = epoch;
    out.body = BackupOrder{};
    return out;
  }

  TemporaryDirectory directory_;
  ManualClock clock_;
  SeededEntropy entropy_{3};
  std::unique_ptr<AgentState> state_;
  std::unique_ptr<CoordinatorLink> link_;
};

TEST_F(Link, SaysNothingBeforeItIsWelcome) {
  ASSERT_THAT(link_->inventory_changed({FoundDatabase{}}), Succeeded());
  EXPECT_TRUE(link_->due({}, 0).value().empty());
}

TEST_F(Link, AsksForPassesOnceItIsWelcomeAndBringsTheAnswersBack) {
  const PassRequest request{"far", {BucketWish::Kind::get, "db/wal/x"}};
  EXPECT_FALSE(link_->ask(request));
  welcome();
  const auto asked = link_->ask(request);
  ASSERT_TRUE(asked);
  EXPECT_EQ(std::get<PassRequest>(asked->body).wish, request.wish);
  Message answer;
  answer.in_reply_to = asked->id;
  answer.body = PassReply{{"https://s3/db/wal/x?signed", {}, std::chrono::hours(1)}, {}};
  const auto received = link_->receive(answer).value();
  ASSERT_EQ(received.passes.size(), 1U);
  EXPECT_EQ(received.passes[0].first, asked->id);
  EXPECT_EQ(received.passes[0].second.pass.url, "https://s3/db/wal/x?signed");
  EXPECT_TRUE(received.replies.empty());
}

TEST_F(Link, AsksForSlotsOnceItIsWelcomeAndBringsTheAnswersBack) {
  SlotRequest request;
  request.database = DatabaseId({7});
  EXPECT_FALSE(link_->ask(request));
  welcome();
  const auto asked = link_->ask(request);
  ASSERT_TRUE(asked);
  EXPECT_EQ(std::get<SlotRequest>(asked->body).database, request.database);
  SlotReply reply;
  reply.database = request.database;
  reply.granted = true;
  Message answer;
  answer.in_reply_to = asked->id;
  answer.body = reply;
  const auto received = link_->receive(answer).value();
  ASSERT_EQ(received.slots.size(), 1U);
  EXPECT_EQ(received.slots[0].first, asked->id);
  EXPECT_TRUE(received.slots[0].second.granted);
}

TEST_F(Link, CountsItsSessionsUp) {
  const auto first = std::get<Hello>(link_->hello().value().body).generation;
  restart();
  EXPECT_EQ(std::get<Hello>(link_->hello().value().body).generation, first + 1);
}

TEST_F(Link, BeatsAtOnceAndThenWithinAFifthOfTheInterval) {
  welcome();
  EXPECT_EQ(due<Heartbeat>().size(), 1U);
  clock_.advance(std::chrono::milliseconds(7'999));
  EXPECT_TRUE(due<Heartbeat>().empty());
  clock_.advance(std::chrono::milliseconds(4'002));
  EXPECT_EQ(due<Heartbeat>().size(), 1U);
}

TEST_F(Link, RepeatsTheInventoryUntilThatRevisionIsConfirmed) {
  welcome();
  ASSERT_THAT(link_->inventory_changed({FoundDatabase{}}), Succeeded());
  const auto first = due<Inventory>();
  ASSERT_EQ(first.size(), 1U);
  clock_.advance(std::chrono::seconds(6));
  ASSERT_EQ(due<Inventory>().size(), 1U);
  says(InventoryAck{first[0].revision - 1});
  clock_.advance(std::chrono::seconds(6));
  ASSERT_EQ(due<Inventory>().size(), 1U);
  says(InventoryAck{first[0].revision});
  clock_.advance(std::chrono::seconds(6));
  EXPECT_TRUE(due<Inventory>().empty());
}

TEST_F(Link, TellsTheInventoryAgainOnANewConnection) {
  welcome();
  ASSERT_THAT(link_->inventory_changed({FoundDatabase{}}), Succeeded());
  says(InventoryAck{due<Inventory>().at(0).revision});
  welcome();
  EXPECT_EQ(due<Inventory>().size(), 1U);
}

TEST_F(Link, ReportsWhatEndedWhileTheCoordinatorWasAway) {
  JobReport report;
  report.job.id = entropy_.id<JobId>();
  report.job.state = JobState::complete;
  const auto stored = state_->save_report(report).value();
  restart();
  welcome();
  ASSERT_EQ(due<JobReport>().size(), 1U);
  says(JobReportAck{report.job.id, stored.sequence});
  clock_.advance(std::chrono::seconds(6));
  EXPECT_TRUE(due<JobReport>().empty());
}

TEST_F(Link, SendsEpochsBeforeTheReportsThatNeedThem) {
  ASSERT_THAT(state_->add_to_outbox(EpochReport{{entropy_.id<DatabaseId>(), entropy_.id<EpochId>(), {}}}), Succeeded());
  JobReport report;
  report.job.id = entropy_.id<JobId>();
  ASSERT_THAT(state_->save_report(report), Succeeded());
  welcome();
  const auto messages = link_->due({}, 0).value();
  ASSERT_GE(messages.size(), 2U);
  EXPECT_TRUE(std::holds_alternative<EpochReport>(messages[0].body));
  EXPECT_TRUE(std::holds_alternative<JobReport>(messages[1].body));
}

// Otherwise the coordinator would take the log in between for lost until the next beat.
TEST_F(Link, TellsHowFarTheLogHasComeBeforeTheBackupThatWaitedForIt) {
  welcome();
  EXPECT_EQ(due<Heartbeat>().size(), 1U);
  JobReport report;
  report.job.id = entropy_.id<JobId>();
  report.job.kind = JobKind::backup;
  report.job.state = JobState::complete;
  report.sequence = 1;
  report.backup.emplace();
  report.backup->state = BackupState::complete;
  ASSERT_THAT(state_->save_report(report), Succeeded());
  link_->report_now();
  WalPosition position;
  position.durable = Lsn(500);
  const auto messages = link_->due({position}, 0).value();
  ASSERT_EQ(messages.size(), 2U);
  const auto* beat = std::get_if<Heartbeat>(&messages[0].body);
  ASSERT_NE(beat, nullptr);
  EXPECT_EQ(beat->positions.at(0).durable, Lsn(500));
  EXPECT_TRUE(std::holds_alternative<JobReport>(messages[1].body));
}

TEST_F(Link, StartsARepeatedOrderOnceAndConfirmsItEachTime) {
  welcome();
  const Order again = order(5);
  const auto first = says(again);
  EXPECT_EQ(first.orders.size(), 1U);
  ASSERT_EQ(first.replies.size(), 1U);
  EXPECT_TRUE(std::get<OrderAck>(first.replies[0].body).accepted);
  restart();
  const auto second = says(again);
  EXPECT_TRUE(second.orders.empty());
  EXPECT_TRUE(std::get<OrderAck>(second.replies[0].body).accepted);
}

TEST_F(Link, RefusesNewOrdersWhileItsNodeDrainsAndConfirmsThoseItHas) {
  welcome();
  const Order before = order(5);
  ASSERT_EQ(says(before).orders.size(), 1U);
  link_->refuse_orders("the node is draining");
  const auto again = says(before);
  EXPECT_TRUE(std::get<OrderAck>(again.replies.at(0).body).accepted) << "it was confirmed, and the word stands";
  const auto refused = says(order(5));
  EXPECT_TRUE(refused.orders.empty());
  const auto& ack = std::get<OrderAck>(refused.replies.at(0).body);
  EXPECT_FALSE(ack.accepted);
  EXPECT_EQ(ack.error, "the node is draining");

  Order cancel = order(5);
  cancel.body = CancelOrder{before.id};
  EXPECT_EQ(says(cancel).cancels.size(), 1U);
  Order hurry = order(5);
  hurry.body = ShutdownOrder{ShutdownReach::drain, true, {}};
  EXPECT_EQ(says(hurry).orders.size(), 1U);
  link_->refuse_orders({});
  EXPECT_EQ(says(order(5)).orders.size(), 1U);
}

TEST_F(Link, RefusesOrdersOfAnOlderCoordinator) {
  welcome(5);
  restart();
  const auto received = says(order(4));
  EXPECT_TRUE(received.orders.empty());
  EXPECT_FALSE(std::get<OrderAck>(received.replies.at(0).body).accepted);
}

TEST_F(Link, RefusesTheWelcomeOfAnOlderCoordinator) {
  welcome(5);
  restart();
  ASSERT_THAT(link_->hello(), Succeeded());
  Welcome old;
  old.epoch = 4;
  EXPECT_TRUE(says(old).refused);
  EXPECT_FALSE(link_->welcomed());
}

TEST_F(Link, StoresAnAssignmentBeforeItConfirmsIt) {
  welcome();
  Assignment assignment;
  assignment.revision = 7;
  const auto received = says(assignment);
  EXPECT_TRUE(received.assignment.has_value());
  EXPECT_EQ(state_->assignment().value()->revision, 7U);
  EXPECT_EQ(std::get<AssignmentAck>(received.replies.at(0).body).revision, 7U);
  EXPECT_FALSE(says(assignment).assignment.has_value());
}

TEST_F(Link, FindsThreeMissedBeatsSilent) {
  welcome();
  clock_.advance(std::chrono::seconds(29));
  EXPECT_FALSE(link_->silent());
  says(HeartbeatAck{});
  clock_.advance(std::chrono::seconds(31));
  EXPECT_TRUE(link_->silent());
}

TEST_F(Link, AJumpOfTheWallClockDoesNotMakeItSilent) {
  welcome();
  clock_.jump(std::chrono::hours(5));
  EXPECT_FALSE(link_->silent());
}

}  // namespace
}  // namespace holdfast
