#include "agent/daemon/slot_duty.h"

#include <gtest/gtest.h>

#include "agent/postgres/slot_watch.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

class SlotDuty : public testing::Test {
 protected:
  SlotDuty() {
    assigned_.database = entropy_.id<DatabaseId>();
    assigned_.key = cluster_.key = "postgres:/srv/orders";
    assigned_.protect = true;
    assigned_.policy.name = "default";
  }
  SlotFate fate() {
    Assignment assignment;
    assignment.databases = {assigned_};
    return fate_of_slot(slot_name(database_), cluster_, assignment);
  }
  SeededEntropy entropy_{5};
  Assigned assigned_;
  FoundDatabase cluster_;
  DatabaseId& database_ = assigned_.database;
};

TEST_F(SlotDuty, KeepsTheSlotOfAProtectedDatabase) {
  EXPECT_EQ(fate(), SlotFate::needed);
  cluster_.running = false;
  EXPECT_EQ(fate(), SlotFate::needed);
}

TEST_F(SlotDuty, DropsTheSlotOfADatabaseThatNoPolicyIsMeantToProtect) {
  assigned_.protect = false;
  assigned_.policy = {};
  EXPECT_EQ(fate(), SlotFate::drop);
}

TEST_F(SlotDuty, OnlyReportsWhatIsInDoubt) {
  assigned_.protect = false;  // the policy's stores are missing
  EXPECT_EQ(fate(), SlotFate::report);
  assigned_.protect = true;
  cluster_.standby = true;
  EXPECT_EQ(fate(), SlotFate::report);
  cluster_.standby = false;
  assigned_.active = false;
  EXPECT_EQ(fate(), SlotFate::report);
  assigned_.active = true;
  cluster_.key = "postgres:/srv/copy";
  EXPECT_EQ(fate(), SlotFate::report);
  EXPECT_EQ(fate_of_slot(slot_name(entropy_.id<DatabaseId>()), cluster_, {}), SlotFate::report);
}

TEST_F(SlotDuty, SaysNothingBeforeTheFirstAssignment) {
  std::map<std::string, HostDatabase> host;
  host["postgres:/srv/orders"].found = cluster_;
  host["postgres:/srv/orders"].slots = {slot_name(entropy_.id<DatabaseId>())};
  EXPECT_TRUE(slots_to(SlotFate::report, host, {}).empty());
  Assignment first;
  first.revision = 1;
  EXPECT_EQ(slots_to(SlotFate::report, host, first).size(), 1U);
  EXPECT_TRUE(slots_to(SlotFate::drop, host, first).empty());
}

TEST(SlotNames, AreOursOnlyInTheirExactForm) {
  const DatabaseId id({1, 2, 3});
  EXPECT_EQ(database_of_slot(slot_name(id)), id);
  EXPECT_FALSE(database_of_slot("holdfast_"));
  EXPECT_FALSE(database_of_slot("holdfast_orders"));
  EXPECT_FALSE(database_of_slot(slot_name(id) + "0"));
  EXPECT_FALSE(database_of_slot("x" + slot_name(id)));
}

}  // namespace
}  // namespace holdfast
