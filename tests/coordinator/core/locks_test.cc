#include "coordinator/core/locks.h"

#include <gmock/gmock.h>

#include "shared/repository/layout.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using testing::Contains;
using testing::HasSubstr;

class Locks : public FleetFixture {
 protected:
  void SetUp() override {
    AddStoreRequest bucket = store_request("far", StoreKind::s3, "");
    bucket.s3.endpoint = "https://s3.example.net";
    bucket.s3.bucket = "copies";
    bucket.s3.credentials = "env";
    expect<DoneReply>(bucket);
    apply(StoreChecked{"far", {Ability::yes, Ability::yes}, std::nullopt});
    add_store("local");
    Policy policy = default_policy();
    policy.copies_want = 2;
    policy.lock = std::chrono::hours(24 * 14);
    apply_policy(policy);
    host_ = join("db1");
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
    backup_ = take_backup(host_, orders_, {});
    work_.clear();
  }
  std::vector<KeepObjects> asked_in(Micros time) {
    live({&host_}, time, std::chrono::minutes(10));
    std::vector<KeepObjects> out;
    for (const Work& work : work_) {
      if (const auto* keep = std::get_if<KeepObjects>(&work)) out.push_back(*keep);
    }
    work_.clear();
    return out;
  }
  Host host_;
  DatabaseId orders_;
  BackupId backup_;
};

TEST_F(Locks, AreMadeLongerForWhatIsKeptInStoresThatCan) {
  const auto asked = asked_in(std::chrono::hours(1));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_EQ(asked[0].database, orders_);
  ASSERT_EQ(asked[0].stores.size(), 1U);
  EXPECT_EQ(asked[0].stores[0].name, "far");
  EXPECT_GT(asked[0].until, now_ + std::chrono::hours(24 * 13));
  EXPECT_THAT(asked[0].prefixes, Contains(backup_prefix(orders_, backup_)));
  EXPECT_THAT(asked[0].prefixes, Contains(database_prefix(orders_) + "wal/"));
}

TEST_F(Locks, AreMadeLongerTwiceInTheirTime) {
  EXPECT_EQ(asked_in(std::chrono::hours(24 * 28)).size(), 4U);
}

TEST_F(Locks, ThatCouldNotBeMadeLongerAreTriedAgainAndToldOf) {
  ASSERT_EQ(asked_in(std::chrono::hours(1)).size(), 1U);
  apply(ObjectsKept{orders_, Error{Code::denied, "403 AccessDenied", {}}});
  EXPECT_THAT(alerts_, Contains(HasSubstr("could not be kept under lock: 403 AccessDenied")));
  EXPECT_EQ(asked_in(std::chrono::hours(2)).size(), 1U);
}

TEST_F(Locks, OfPacksThatLaterBackupsReadAreMadeLonger) {
  const BackupId released = entropy_.id<BackupId>();
  take_incremental(host_, orders_, {Lsn(300), Lsn(400)}, {pack_name(orders_, released, 0)});
  const auto asked = asked_in(std::chrono::hours(1));
  ASSERT_EQ(asked.size(), 1U);
  EXPECT_THAT(asked[0].names, Contains(pack_name(orders_, released, 0)));
}

TEST_F(Locks, AreNobodysWishWithoutAPolicyThatSaysSo) {
  apply_policy(default_policy());
  EXPECT_TRUE(asked_in(std::chrono::hours(24 * 20)).empty());
}

}  // namespace
}  // namespace holdfast
