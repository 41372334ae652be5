#include "coordinator/core/slot_load.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class Load : public testing::Test {
 protected:
  static NodeId node(std::uint8_t number) {
    Bytes bytes(16, number);
    return NodeId::from_bytes(bytes).value();
  }
  static SlotPlace place(std::uint8_t number, const std::string& zone, std::vector<std::string> stores) {
    SlotPlace out;
    out.node = node(number);
    out.zone = zone;
    out.stores = std::move(stores);
    return out;
  }
  static Policy unlimited() {
    Policy policy;
    policy.per_node = 0;
    return policy;
  }
  SlotLoad load_;
  Policy policy_ = unlimited();
};

TEST_F(Load, NoLimitIsNeverInTheWay) {
  for (int i = 0; i < 100; ++i) load_.add(place(1, "a", {"s"}));
  EXPECT_THAT(load_.obstacle(place(1, "a", {"s"}), policy_), IsEmpty());
}

TEST_F(Load, TheFleetsLimitCountsEverybody) {
  policy_.per_fleet = 2;
  load_.add(place(1, "a", {"s"}));
  EXPECT_THAT(load_.obstacle(place(3, "c", {"u"}), policy_), IsEmpty());
  load_.add(place(2, "b", {"t"}));
  EXPECT_EQ(load_.obstacle(place(3, "c", {"u"}), policy_), "2 backups run in the fleet (limits.per_fleet)");
}

TEST_F(Load, AZonesLimitCountsTheZone) {
  policy_.per_zone = 1;
  load_.add(place(1, "a", {}));
  EXPECT_EQ(load_.obstacle(place(2, "a", {}), policy_), "a backup runs in zone \"a\" (limits.per_zone)");
  EXPECT_THAT(load_.obstacle(place(2, "b", {}), policy_), IsEmpty());
}

TEST_F(Load, NodesWithoutAZoneAreNoZoneTogether) {
  policy_.per_zone = 1;
  load_.add(place(1, "", {}));
  EXPECT_THAT(load_.obstacle(place(2, "", {}), policy_), IsEmpty());
}

TEST_F(Load, AStoresLimitHoldsForEachStoreOfTheBackup) {
  policy_.per_store = 1;
  load_.add(place(1, "", {"s"}));
  EXPECT_THAT(load_.obstacle(place(2, "", {"t", "s"}), policy_), HasSubstr("into store \"s\" (limits.per_store)"));
  EXPECT_THAT(load_.obstacle(place(2, "", {"t"}), policy_), IsEmpty());
}

TEST_F(Load, ANodesLimitCountsTheNode) {
  policy_.per_node = 1;
  load_.add(place(1, "", {}));
  EXPECT_THAT(load_.obstacle(place(1, "", {}), policy_), HasSubstr("limits.per_node"));
  EXPECT_THAT(load_.obstacle(place(2, "", {}), policy_), IsEmpty());
}

TEST_F(Load, TheLimitsAreThoseOfTheOneThatIsToBegin) {
  Policy strict = policy_;
  strict.per_fleet = 1;
  load_.add(place(1, "", {}));
  EXPECT_THAT(load_.obstacle(place(2, "", {}), strict), HasSubstr("limits.per_fleet"));
  EXPECT_THAT(load_.obstacle(place(2, "", {}), policy_), IsEmpty());
}

}  // namespace
}  // namespace holdfast
