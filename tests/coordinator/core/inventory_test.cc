#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using Inventories = FleetFixture;

TEST_F(Inventories, MakeADatabaseOfAPrimary) {
  Host host = join("db1", {{"fleet", "demo"}});
  inventory(host, {postgres("/srv/orders", 7)});
  const Database orders = database("orders");
  EXPECT_EQ(orders.active, host.node);
  EXPECT_EQ(orders.labels, (Labels{{"fleet", "demo"}, {"engine", "postgres"}}));
}

TEST_F(Inventories, JoinAStandbyToItsPrimary) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {postgres("/srv/orders", 7)});
  inventory(b, {standby("/srv/orders", 7)});
  ASSERT_EQ(list(Listing::databases).databases.size(), 1U);
  EXPECT_EQ(database("orders").members.size(), 2U);
  EXPECT_EQ(database("orders").active, a.node);
}

TEST_F(Inventories, LetAPrimaryJoinTheStandbyThatWasSeenFirst) {
  Host a = join("a");
  Host b = join("b");
  inventory(b, {standby("/srv/orders", 7)});
  EXPECT_TRUE(database("orders").active.is_null());
  EXPECT_EQ(database("orders").protection, Protection::unprotected);
  const DatabaseId id = database("orders").id;
  inventory(a, {postgres("/srv/orders", 7)});
  ASSERT_EQ(list(Listing::databases).databases.size(), 1U);
  EXPECT_EQ(database("orders").id, id);
  EXPECT_EQ(database("orders").active, a.node);
}

TEST_F(Inventories, KeepASecondPrimaryApartAndAlertOnBoth) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {postgres("/srv/orders", 7)});
  inventory(b, {postgres("/srv/orders", 7)});
  ASSERT_EQ(list(Listing::databases).databases.size(), 2U);
  EXPECT_EQ(database("orders").active, a.node);
  EXPECT_EQ(database("orders-2").active, b.node);
  EXPECT_EQ(database("orders").alerts.size(), 1U);
  EXPECT_EQ(database("orders-2").alerts.size(), 1U);
  inventory(b, {});
  EXPECT_TRUE(database("orders").alerts.empty());
}

TEST_F(Inventories, FailOverToAMemberOnAHigherTimelineWhenThePrimaryIsGone) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {postgres("/srv/orders", 7)});
  inventory(b, {standby("/srv/orders", 7)});
  const DatabaseId id = database("orders").id;
  auto stopped = postgres("/srv/orders", 7);
  stopped.running = false;
  inventory(a, {stopped});
  inventory(b, {postgres("/srv/orders", 7, 2)});
  EXPECT_EQ(database("orders").id, id);
  EXPECT_EQ(database("orders").active, b.node);
  inventory(a, {standby("/srv/orders", 7)});  // comes back as the new one's standby
  EXPECT_EQ(database("orders").active, b.node);
  EXPECT_EQ(list(Listing::databases).databases.size(), 1U);
}

TEST_F(Inventories, FailOverWhenThePrimarysNodeFellSilent) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {postgres("/srv/orders", 7)});
  inventory(b, {standby("/srv/orders", 7)});
  inventory(b, {postgres("/srv/orders", 7, 2)});
  EXPECT_EQ(database("orders").active, a.node);  // it may only be slow to say that it stopped
  live({&b}, std::chrono::minutes(5));
  EXPECT_EQ(database("orders").active, b.node);
  EXPECT_EQ(list(Listing::databases).databases.size(), 1U);
}

TEST_F(Inventories, SplitAGroupWhoseMembersBothStayPrimary) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {postgres("/srv/orders", 7)});
  inventory(b, {standby("/srv/orders", 7)});
  inventory(b, {postgres("/srv/orders", 7, 2)});
  EXPECT_EQ(database("orders").alerts.size(), 1U);
  live({&a, &b}, std::chrono::minutes(5));
  ASSERT_EQ(list(Listing::databases).databases.size(), 2U);
  EXPECT_EQ(database("orders").active, a.node);
  EXPECT_EQ(database("orders-2").active, b.node);
  EXPECT_FALSE(database("orders").alerts.empty());
  EXPECT_FALSE(database("orders-2").alerts.empty());
}

TEST_F(Inventories, DoNotGiveTheGroupBackToAnOldPrimary) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {postgres("/srv/orders", 7)});
  inventory(b, {standby("/srv/orders", 7)});
  inventory(a, {});
  inventory(b, {postgres("/srv/orders", 7, 2)});
  ASSERT_EQ(database("orders").active, b.node);
  auto stopped = postgres("/srv/orders", 7, 2);
  stopped.running = false;
  inventory(b, {stopped});
  inventory(a, {postgres("/srv/orders", 7, 1)});  // the failed one was started again
  EXPECT_EQ(database("orders").active, b.node);
}

TEST_F(Inventories, AreNotMistakenForAFailoverAfterARestart) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {postgres("/srv/orders", 7)});
  inventory(b, {standby("/srv/orders", 7)});
  restart();
  hello(b);  // a has not been heard yet
  inventory(b, {postgres("/srv/orders", 7, 2)});
  EXPECT_EQ(database("orders").active, a.node);
  EXPECT_EQ(list(Listing::databases).databases.size(), 1U);
}

TEST_F(Inventories, MakeOneDatabaseOfEachSqliteFile) {
  Host a = join("a");
  Host b = join("b");
  inventory(a, {sqlite("/srv/app.db"), sqlite("/srv/other.db")});
  inventory(b, {sqlite("/srv/app.db")});
  EXPECT_EQ(list(Listing::databases).databases.size(), 3U);
  EXPECT_EQ(database("app.db-2").active, b.node);
  EXPECT_EQ(database("app.db").labels.at("engine"), "sqlite");
}

TEST_F(Inventories, KeepADatabaseThatVanished) {
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  const DatabaseId id = database("orders").id;
  inventory(host, {});
  EXPECT_FALSE(database("orders").members.at(0).present);
  inventory(host, {postgres("/srv/orders", 7)});
  EXPECT_TRUE(database("orders").members.at(0).present);
  EXPECT_EQ(database("orders").id, id);
}

TEST_F(Inventories, TakeANewClusterInAnOldDirectoryForAnotherDatabase) {
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  inventory(host, {postgres("/srv/orders", 8)});
  ASSERT_EQ(list(Listing::databases).databases.size(), 2U);
  EXPECT_FALSE(database("orders").members.at(0).present);
  EXPECT_TRUE(database("orders-2").members.at(0).present);
}

TEST_F(Inventories, KeepAClusterWhoseSystemIdCannotBeReadNow) {
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  inventory(host, {postgres("/srv/orders", 0)});
  ASSERT_EQ(list(Listing::databases).databases.size(), 1U);
  EXPECT_EQ(database("orders").system_id, SystemId(7));
}

TEST_F(Inventories, AreIgnoredWhenOlderThanOneThatCame) {
  Host host = join("db1");
  say(host, Inventory{5, {postgres("/srv/orders", 7)}});
  const auto sends = say(host, Inventory{4, {}});
  ASSERT_NE(find_body<InventoryAck>(sends), nullptr);
  EXPECT_EQ(find_body<InventoryAck>(sends)->revision, 4U);
  EXPECT_TRUE(database("orders").members.at(0).present);
}

TEST_F(Inventories, LeaveExcludedDatabasesAlone) {
  add_store();
  Host host = join("db1");
  auto found = postgres("/srv/orders", 7);
  found.excluded = true;
  const auto sends = inventory(host, {found});
  EXPECT_EQ(database("orders").protection, Protection::excluded);
  if (const auto* assignment = find_body<Assignment>(sends)) {
    EXPECT_TRUE(assignment->databases.empty());
  }
}

TEST_F(Inventories, SurviveARestart) {
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  const Database before = database("orders");
  restart();
  EXPECT_EQ(database("orders"), before);
}

}  // namespace
}  // namespace holdfast
