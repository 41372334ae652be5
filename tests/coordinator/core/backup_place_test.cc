#include "coordinator/core/backup_place.h"

#include <set>

#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using std::chrono::minutes;

// A primary on node 1 and standbys on nodes 2 and 3.
class BackupPlaces : public testing::Test {
 protected:
  BackupPlaces() {
    for (std::uint8_t n = 1; n <= 3; ++n) {
      Member member;
      member.node = node(n);
      member.found.standby = n != 1;
      member.found.timeline = Timeline(4);
      database_.members.push_back(member);
    }
    database_.active = node(1);
    policy_.prefer = "standby";
  }
  static NodeId node(std::uint8_t n) { return NodeId({n}); }
  FoundDatabase& found(std::size_t n) { return database_.members[n - 1].found; }
  BackupPlace place() {
    BackupPlaceWorld world;
    world.takes_work = [this](NodeId id) { return !cordoned_.contains(id); };
    world.online = [this](NodeId id) { return !silent_.contains(id); };
    world.silent_for = [this](NodeId id) { return silent_.contains(id) ? silent_.at(id) : Micros(0); };
    world.node_name = [](NodeId id) { return "n" + id.text().substr(1, 1); };
    return place_backups(database_, &policy_, world);
  }

  Database database_;
  Policy policy_;
  std::set<NodeId> cordoned_;
  std::map<NodeId, Micros> silent_;
};

TEST_F(BackupPlaces, AreThePrimarysUnlessThePolicyPrefersAStandby) {
  policy_.prefer = "primary";
  EXPECT_EQ(place(), BackupPlace{});
  policy_.prefer = "standby";
  EXPECT_EQ(place(), (BackupPlace{node(2), {}}));
}

TEST_F(BackupPlaces, StayWithTheStandbyThatHasThem) {
  database_.backups_by = node(3);
  EXPECT_EQ(place().node, node(3));
  found(3).running = false;
  EXPECT_EQ(place().node, node(2));
}

TEST_F(BackupPlaces, WaitForAStandbyThatIsOnlyNotHeard) {
  database_.backups_by = node(3);
  silent_[node(3)] = standby_patience;
  EXPECT_EQ(place().node, node(3));
  silent_[node(3)] += Micros(1);
  EXPECT_EQ(place().node, node(2));
}

TEST_F(BackupPlaces, AreNotGivenToAStandbyThatIsNotHeard) {
  silent_[node(2)] = minutes(1);
  EXPECT_EQ(place().node, node(3));
}

TEST_F(BackupPlaces, AreThePrimarysWithTheReasonWhenNoStandbyCan) {
  struct Case {
    const char* reason;
    std::function<void(Member&)> harm;
  };
  const std::vector<Case> cases{
      {"it is not on its node now", [](Member& member) { member.present = false; }},
      {"it is excluded", [](Member& member) { member.found.excluded = true; }},
      {"its server does not run", [](Member& member) { member.found.running = false; }},
      {"the role lacks rights", [](Member& member) { member.found.problem = "the role lacks rights"; }},
      {"it is on timeline 3 and the primary on 4", [](Member& member) { member.found.timeline = Timeline(3); }},
      {"its node takes no new work", [this](Member& member) { cordoned_.insert(member.node); }},
      {"its node is offline", [this](Member& member) { silent_[member.node] = minutes(1); }},
  };
  const Database whole = database_;
  for (const Case& one : cases) {
    database_ = whole;
    cordoned_.clear();
    silent_.clear();
    one.harm(database_.members[1]);
    one.harm(database_.members[2]);
    EXPECT_EQ(place(),
              (BackupPlace{NodeId(), std::string("taken from the primary, though a standby is preferred: of the one on "
                                                 "node \"n3\" is known: ") +
                                         one.reason}))
        << one.reason;
  }
  database_ = whole;
  database_.members.resize(1);
  EXPECT_EQ(place().note, "taken from the primary, though a standby is preferred: there is none");
}

TEST_F(BackupPlaces, OfAPromotedStandbyAreItsOwnAsPrimary) {
  database_.backups_by = node(2);
  database_.active = node(2);
  found(2).standby = false;
  found(1).running = false;
  database_.members.pop_back();
  EXPECT_EQ(place().node, NodeId());
}

TEST_F(BackupPlaces, OfSqliteFilesAreWhereTheyLie) {
  database_.engine = Engine::sqlite;
  EXPECT_EQ(place(), BackupPlace{});
}

// The same through messages.
class GroupBackups : public FleetFixture {
 protected:
  GroupBackups() {
    add_store();
    Policy policy = default_policy();
    policy.prefer = "standby";
    apply_policy(policy);
    inventory(a_, {postgres("/srv/orders", 7)});
    inventory(b_, {standby("/srv/orders", 7)});
  }
  // As the node was told last.
  Assigned told(const Host& host) {
    const auto sends = hello(host);
    const auto* assignment = find_body<Assignment>(sends);
    if (assignment == nullptr || assignment->databases.size() != 1) {
      ADD_FAILURE() << "no assignment with one database";
      return {};
    }
    return assignment->databases[0];
  }
  Job order() {
    CreateBackupRequest request;
    request.selection.names = {"orders"};
    const auto reply = expect<JobsReply>(request);
    EXPECT_EQ(reply.jobs.size(), 1U);
    return state_of(reply.jobs.at(0));
  }
  Job state_of(JobId id) {
    for (const Job& job : list(Listing::jobs).jobs) {
      if (job.id == id) return job;
    }
    ADD_FAILURE() << "no such job";
    return {};
  }
  void report(const Host& host, const Job& job, JobState state) {
    JobReport report;
    report.sequence = ++reports_;
    report.job = job;
    report.job.state = state;
    if (state != JobState::running) report.job.finished_at = now_;
    say(host, report);
  }
  Host a_ = join("a");
  Host b_ = join("b");
  std::uint64_t reports_ = 0;
};

TEST_F(GroupBackups, AreTheStandbysAndTheLogIsThePrimarys) {
  EXPECT_EQ(database("orders").backups_by, b_.node);
  const Assigned primary = told(a_);
  EXPECT_TRUE(primary.active);
  EXPECT_EQ(primary.backups, BackupDuty::elsewhere);
  EXPECT_FALSE(takes_backups(primary));
  const Assigned other = told(b_);
  EXPECT_FALSE(other.active);
  EXPECT_TRUE(takes_backups(other));
  EXPECT_EQ(other.log_node, "a");
  EXPECT_EQ(other.backup_note, "");
}

TEST_F(GroupBackups, AreOrderedFromTheStandbyAndFromThePrimaryWhenItIsNotHeard) {
  const Job first = order();
  EXPECT_EQ(first.node, b_.node);
  report(b_, first, JobState::failed);
  live({&a_}, minutes(5));
  EXPECT_EQ(database("orders").backups_by, b_.node) << "it may be at work where we do not hear it";
  EXPECT_EQ(order().node, a_.node);
}

TEST_F(GroupBackups, GoToThePrimaryWhenTheStandbyStopsAndBackWhenItRuns) {
  auto stopped = standby("/srv/orders", 7);
  stopped.running = false;
  inventory(b_, {stopped});
  const Assigned primary = told(a_);
  EXPECT_TRUE(takes_backups(primary));
  EXPECT_NE(primary.backup_note.find("its server does not run"), std::string::npos) << primary.backup_note;
  EXPECT_FALSE(takes_backups(told(b_)));
  inventory(b_, {standby("/srv/orders", 7)});
  EXPECT_FALSE(takes_backups(told(a_)));
  EXPECT_TRUE(takes_backups(told(b_)));
}

TEST_F(GroupBackups, GoToThePrimaryWhenTheStandbysNodeIsAwayForLong) {
  live({&a_}, minutes(9));
  EXPECT_EQ(database("orders").backups_by, b_.node);
  live({&a_}, minutes(3));
  EXPECT_EQ(database("orders").backups_by, NodeId());
}

TEST_F(GroupBackups, StayWhereOneIsBeingTaken) {
  const Job ordered = order();
  report(b_, ordered, JobState::running);
  auto stopped = standby("/srv/orders", 7);
  stopped.running = false;
  inventory(b_, {stopped});
  EXPECT_EQ(database("orders").backups_by, b_.node);
  report(b_, ordered, JobState::failed);
  live({&a_, &b_}, minutes(1));
  EXPECT_EQ(database("orders").backups_by, NodeId());
}

TEST_F(GroupBackups, FollowAPromotionAndKeepTheDatabase) {
  const DatabaseId id = database("orders").id;
  inventory(a_, {});
  inventory(b_, {postgres("/srv/orders", 7, 2)});
  const Database after = database("orders");
  EXPECT_EQ(after.id, id);
  EXPECT_EQ(after.active, b_.node);
  EXPECT_EQ(after.backups_by, NodeId());
  const Assigned promoted = told(b_);
  EXPECT_TRUE(promoted.active);
  EXPECT_TRUE(takes_backups(promoted));
  EXPECT_FALSE(promoted.backup_note.empty());
}

TEST_F(GroupBackups, AreWhereTheyWereAfterARestartOfTheCoordinator) {
  restart();
  tick();
  EXPECT_EQ(database("orders").backups_by, b_.node);
}

TEST_F(GroupBackups, LeaveACordonedNode) {
  NodeRequest cordon;
  cordon.verb = NodeRequest::Verb::cordon;
  cordon.node = "b";
  expect<DoneReply>(cordon);
  EXPECT_EQ(database("orders").backups_by, NodeId());
}

}  // namespace
}  // namespace holdfast
