#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Departures : public FleetFixture {
 protected:
  using Verb = NodeRequest::Verb;
  Host host_ = join("db1");

  void SetUp() override {
    add_store();
    inventory(host_, {postgres("/srv/orders", 7)});
  }
  // The order that leaves, when one does.
  std::optional<Order> ask_for(Verb verb, NodeRequest request = {}) {
    request.verb = verb;
    request.node = "db1";
    MessageCame came;
    came.peer = admin_.public_key;
    came.message.id = ++requests_;
    came.message.body = OperatorRequest{protocol_min, protocol_max, request};
    const auto sends = apply(came);
    const auto* order = find_body<Order>(sends);
    return order == nullptr ? std::nullopt : std::optional(*order);
  }
  NodeState state() { return list(Listing::nodes).nodes.at(0).node.state; }
  std::vector<Send> end(const Order& order, JobKind kind, JobState state, std::vector<DatabaseReceipt> receipts = {}) {
    JobReport report;
    report.sequence = std::uint64_t{1} << 33U;
    report.job.id = order.id;
    report.job.kind = kind;
    report.job.state = state;
    report.job.receipts = std::move(receipts);
    return say(host_, report);
  }
};

TEST_F(Departures, ADrainedNodeTakesNothingNewAndStaysCordoned) {
  const auto order = ask_for(Verb::drain);
  ASSERT_TRUE(order);
  EXPECT_EQ(std::get<ShutdownOrder>(order->body).reach, ShutdownReach::drain);
  EXPECT_EQ(state(), NodeState::draining);
  CreateBackupRequest backup;
  backup.selection.names = {"orders"};
  EXPECT_EQ(refusal(backup).code, Code::conflict);
  end(*order, JobKind::drain, JobState::complete);
  EXPECT_EQ(state(), NodeState::cordoned);
  expect<DoneReply>(NodeRequest{Verb::uncordon, "db1", {}, {}});
  EXPECT_EQ(state(), NodeState::active);
}

TEST_F(Departures, ANodeThatWasShutDownTakesWorkAgainWhenItIsBack) {
  NodeRequest request;
  request.keep_databases = true;
  request.deadline = std::chrono::minutes(3);
  const auto order = ask_for(Verb::shutdown, request);
  ASSERT_TRUE(order);
  EXPECT_EQ(std::get<ShutdownOrder>(order->body).reach, ShutdownReach::agent);
  EXPECT_EQ(std::get<ShutdownOrder>(order->body).drain, Micros(std::chrono::minutes(3)));
  end(*order, JobKind::shutdown, JobState::complete);
  EXPECT_EQ(state(), NodeState::active);
  EXPECT_FALSE(list(Listing::nodes).nodes.at(0).online) << "it is on its way out, and nothing is ordered of it";
  say(host_, Heartbeat{now_, {}, 0});
  EXPECT_FALSE(list(Listing::nodes).nodes.at(0).online) << "a beat that was under way";
  hello(host_);
  EXPECT_TRUE(list(Listing::nodes).nodes.at(0).online);
}

TEST_F(Departures, ACordonedNodeStaysSo) {
  expect<DoneReply>(NodeRequest{Verb::cordon, "db1", {}, {}});
  const auto order = ask_for(Verb::shutdown);
  ASSERT_TRUE(order);
  EXPECT_EQ(state(), NodeState::cordoned);
  end(*order, JobKind::shutdown, JobState::complete);
  EXPECT_EQ(state(), NodeState::cordoned);
}

TEST_F(Departures, OneThatFailsOrIsLostGivesTheNodeBack) {
  auto order = ask_for(Verb::shutdown);
  end(*order, JobKind::shutdown, JobState::failed);
  EXPECT_EQ(state(), NodeState::active);
  order = ask_for(Verb::drain);
  pass(std::chrono::hours(1));
  tick();
  EXPECT_EQ(state(), NodeState::active) << "its node never took it";
}

TEST_F(Departures, ASecondOneIsRefusedUnlessItForces) {
  ASSERT_TRUE(ask_for(Verb::drain));
  EXPECT_EQ(refusal(NodeRequest{Verb::shutdown, "db1", {}, {}}).code, Code::conflict);
  NodeRequest force;
  force.force = true;
  const auto hurried = ask_for(Verb::drain, force);
  ASSERT_TRUE(hurried);
  EXPECT_TRUE(std::get<ShutdownOrder>(hurried->body).force);
}

TEST_F(Departures, ANodeThatIsAwayIsNotOrderedToGo) {
  pass(std::chrono::hours(1));
  tick();
  EXPECT_EQ(refusal(NodeRequest{Verb::shutdown, "db1", {}, {}}).code, Code::unavailable);
  EXPECT_EQ(state(), NodeState::active);
}

TEST_F(Departures, TheNodeShowsItsReceiptsAndOnlyThoseOfItsOwnDatabases) {
  const auto order = ask_for(Verb::shutdown);
  DatabaseReceipt own;
  own.database = database("orders").id;
  own.name = "orders";
  own.whole = true;
  DatabaseReceipt foreign = own;
  foreign.database = entropy_.id<DatabaseId>();
  end(*order, JobKind::shutdown, JobState::complete, {own, foreign});
  const auto check = [&] {
    const auto last = list(Listing::nodes).nodes.at(0).last_shutdown;
    ASSERT_TRUE(last);
    ASSERT_EQ(last->receipts.size(), 1U);
    EXPECT_EQ(last->receipts[0], own);
  };
  check();
  restart();
  check();
}

TEST_F(Departures, TheAssignmentSaysWhetherTheScheduleMayBegin) {
  expect<DoneReply>(NodeRequest{Verb::cordon, "db1", {}, {}});
  const auto sends = tick();
  const auto* assignment = find_body<Assignment>(sends);
  const auto later = assignment == nullptr ? hello(host_) : sends;
  assignment = find_body<Assignment>(later);
  ASSERT_NE(assignment, nullptr);
  EXPECT_EQ(assignment->state, NodeState::cordoned);
}

TEST_F(Departures, AnAgentMayReportAnEndThatNobodyOrdered) {
  Order own;
  own.id = entropy_.id<JobId>();
  const auto sends = end(own, JobKind::shutdown, JobState::failed);
  EXPECT_NE(find_body<JobReportAck>(sends), nullptr);
  EXPECT_TRUE(list(Listing::nodes).nodes.at(0).last_shutdown);
  EXPECT_EQ(state(), NodeState::active);
}

}  // namespace
}  // namespace holdfast
