#include "coordinator/cli/rolling.h"

#include <gmock/gmock.h>

#include "tests/coordinator/cli/samples.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class Rolling : public testing::Test {
 protected:
  using Part = RollingNode::Part;
  RollingNode node(const std::string& name, Part part, std::set<DatabaseId> databases = {}) {
    return {entropy_.id<NodeId>(), name, std::move(databases), part};
  }
  static std::vector<std::vector<std::string>> names(const std::vector<std::vector<RollingNode>>& waves) {
    std::vector<std::vector<std::string>> out;
    for (const auto& wave : waves) {
      out.emplace_back();
      for (const auto& node : wave) out.back().push_back(node.name);
    }
    return out;
  }
  SeededEntropy entropy_{1};
};

TEST_F(Rolling, TakesOneAfterTheOtherByName) {
  EXPECT_THAT(names(waves({node("c", Part::primary), node("a", Part::primary), node("b", Part::primary)}, 1)),
              ElementsAre(ElementsAre("a"), ElementsAre("b"), ElementsAre("c")));
  EXPECT_THAT(waves({}, 3), IsEmpty());
}

TEST_F(Rolling, TakesEveryStandbyBeforeAnyPrimary) {
  EXPECT_THAT(names(waves({node("a", Part::primary), node("z", Part::standby), node("b", Part::primary)}, 5)),
              ElementsAre(ElementsAre("z"), ElementsAre("a", "b")));
}

TEST_F(Rolling, KeepsToTheNumberAtATime) {
  EXPECT_THAT(names(waves({node("a", Part::primary), node("b", Part::primary), node("c", Part::primary)}, 2)),
              ElementsAre(ElementsAre("a", "b"), ElementsAre("c")));
  EXPECT_THAT(names(waves({node("a", Part::primary), node("b", Part::primary)}, 0)),
              ElementsAre(ElementsAre("a"), ElementsAre("b")));
}

TEST_F(Rolling, NeverTakesTwoNodesOfOneDatabaseTogether) {
  const auto shared = entropy_.id<DatabaseId>();
  EXPECT_THAT(
      names(
          waves({node("a", Part::standby, {shared}), node("b", Part::standby, {shared}), node("c", Part::standby)}, 3)),
      ElementsAre(ElementsAre("a"), ElementsAre("b", "c")));
}

TEST_F(Rolling, KnowsAPrimaryByAnyDatabaseThatIsNoStandbyThere) {
  NodeView view = samples::node();
  DatabaseView standby = samples::database();
  standby.database.members = {{view.node.id, {}, true, {}}};
  standby.database.members[0].found.standby = true;
  EXPECT_EQ(rolling_nodes({view}, {standby}).at(0).part, Part::standby);
  DatabaseView primary = samples::database();
  primary.database.id = entropy_.id<DatabaseId>();
  primary.database.members = {{view.node.id, {}, true, {}}};
  const auto both = rolling_nodes({view}, {standby, primary});
  EXPECT_EQ(both.at(0).part, Part::primary);
  EXPECT_EQ(both.at(0).databases.size(), 2U);
  primary.database.members[0].present = false;
  EXPECT_EQ(rolling_nodes({view}, {standby, primary}).at(0).part, Part::standby) << "it was there once";
}

TEST_F(Rolling, GoesOnBehindNodesThatAreDownByAShutdownOnly) {
  NodeView view = samples::node();
  view.online = false;
  EXPECT_FALSE(is_down_already(view)) << "nobody knows why it is away";
  view.last_shutdown = samples::job(1, JobState::complete);
  view.last_shutdown->kind = JobKind::shutdown;
  EXPECT_TRUE(is_down_already(view));
  view.online = true;
  EXPECT_FALSE(is_down_already(view)) << "it came back";
  view.online = false;
  view.last_shutdown->state = JobState::failed;
  EXPECT_FALSE(is_down_already(view));
  view.last_shutdown->state = JobState::complete;
  view.last_shutdown->kind = JobKind::drain;
  EXPECT_FALSE(is_down_already(view));
}

}  // namespace
}  // namespace holdfast
