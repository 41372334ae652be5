#include "coordinator/core/stores.h"

#include <gmock/gmock.h>

#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

class Stores : public FleetFixture {
 protected:
  static AddStoreRequest bucket(const std::string& name) {
    AddStoreRequest request;
    request.name = name;
    request.kind = StoreKind::s3;
    request.s3.endpoint = "https://s3.example.net";
    request.s3.bucket = "copies";
    request.s3.credentials = "env";
    return request;
  }
  std::size_t checks_asked_for() {
    std::size_t count = 0;
    for (const Work& work : work_) count += std::holds_alternative<CheckStore>(work) ? 1U : 0U;
    work_.clear();
    return count;
  }
  StoreInfo store(const std::string& name) {
    for (const StoreInfo& one : list(Listing::stores).stores) {
      if (one.name == name) return one;
    }
    ADD_FAILURE() << name;
    return {};
  }
};

TEST_F(Stores, InBucketsAreCheckedByTheCoordinatorWhenTheyAreAdded) {
  expect<DoneReply>(bucket("far"));
  EXPECT_EQ(checks_asked_for(), 1U);
  EXPECT_EQ(store("far").state, "unknown");
  apply(StoreChecked{"far", {Ability::yes, Ability::no}, std::nullopt});
  EXPECT_EQ(store("far").state, "ok");
  EXPECT_EQ(store("far").abilities, (StoreAbilities{Ability::yes, Ability::no}));
}

TEST_F(Stores, ThatDoNotWorkAreAnAlertUntilTheyDo) {
  expect<DoneReply>(bucket("far"));
  apply(StoreChecked{"far", {}, Error{Code::denied, "403 AccessDenied", {}}});
  EXPECT_THAT(store("far").state, testing::HasSubstr("403 AccessDenied"));
  const auto alerts = list(Listing::status).status.alerts;
  EXPECT_THAT(alerts, testing::Contains(testing::HasSubstr("403 AccessDenied")));
  apply(StoreChecked{"far", {Ability::no, Ability::no}, std::nullopt});
  EXPECT_THAT(list(Listing::status).status.alerts, testing::Not(testing::Contains(testing::HasSubstr("far"))));
}

TEST_F(Stores, InBucketsAreCheckedAgainAfterARestartAndEveryHour) {
  expect<DoneReply>(bucket("far"));
  add_store("local");
  checks_asked_for();
  restart();
  apply(Tick{});
  EXPECT_EQ(checks_asked_for(), 1U) << "a directory is the agents' to check";
  apply(Tick{});
  EXPECT_EQ(checks_asked_for(), 0U);
  live({}, std::chrono::minutes(61), std::chrono::seconds(60));
  EXPECT_EQ(checks_asked_for(), 1U);
}

TEST_F(Stores, SayHowFullTheyAre) {
  add_store("local");
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7), postgres("/srv/events", 8)});
  const DatabaseId orders = database("orders").id;
  take_backup(host, orders, {});
  const Backup backup = list(Listing::backups).backups.at(0);
  EXPECT_EQ(store("local").used_bytes, backup.stored_bytes);
  EXPECT_GT(store("local").objects, 1U);
  // Counted anew, the log included, when the stores are looked through.
  BackupsListed listed{orders, {{"local", {}}}, {}, std::nullopt};
  listed.use = {{"local", 700, 5000}};
  apply(listed);
  EXPECT_LT(store("local").objects, 700U) << "the other database was not counted yet";
  BackupsListed other{database("events").id, {{"local", {}}}, {}, std::nullopt};
  other.use = {{"local", 0, 0}};
  apply(other);
  EXPECT_EQ(store("local").objects, 700U);
  EXPECT_EQ(store("local").used_bytes, 5000U);
  take_backup(host, orders, {Lsn(300), Lsn(400)});
  EXPECT_EQ(store("local").used_bytes, 5000U + backup.stored_bytes);
}

TEST_F(Stores, AreNotInTheSamePlaceTwice) {
  expect<DoneReply>(bucket("far"));
  EXPECT_EQ(refusal(bucket("again")).code, Code::conflict);
  AddStoreRequest other = bucket("again");
  other.s3.prefix = "second";
  expect<DoneReply>(other);
}

TEST_F(Stores, NameWhatWillNotDo) {
  AddStoreRequest request = bucket("far");
  request.s3.endpoint = "s3.example.net";
  EXPECT_THAT(refusal(request).message, testing::HasSubstr("endpoint"));
  request = bucket("far");
  request.s3.credentials = "AKIA:secret";
  EXPECT_THAT(refusal(request).message, testing::HasSubstr("credentials"));
  EXPECT_TRUE(list(Listing::stores).stores.empty());
}

TEST_F(Stores, TellAgentsWhatTheyCanDoAndNotHowTheyAre) {
  expect<DoneReply>(bucket("far"));
  Host host = join("db1");
  inventory(host, {postgres("/srv/orders", 7)});
  const auto sends = apply(StoreChecked{"far", {Ability::yes, Ability::no}, std::nullopt});
  const auto* assignment = find_body<Assignment>(sends);
  ASSERT_NE(assignment, nullptr);
  ASSERT_EQ(assignment->stores.size(), 1U);
  EXPECT_EQ(assignment->stores[0].abilities.conditional_put, Ability::yes);
  EXPECT_EQ(assignment->stores[0].s3.bucket, "copies");
  EXPECT_EQ(assignment->stores[0].state, "unknown");
}

}  // namespace
}  // namespace holdfast
