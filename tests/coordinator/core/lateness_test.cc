#include "coordinator/core/lateness.h"

#include <gmock/gmock.h>

#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::IsEmpty;

class Lateness : public testing::Test {
 protected:
  Lateness() {
    policy_.full = "0 3 * * *";
    policy_.objective_rpo = seconds(60);
    known_.protected_since = now_ - hours(48);
    known_.heard_at = now_;
    known_.recoverable_through = now_ - seconds(20);
    known_.last_backup = now_ - hours(9);
  }
  std::string late() const { return lateness(policy_, database_, known_, now_); }

  Timestamp now_ = parse_time("2026-03-10T12:00:00Z").value();
  Policy policy_;
  DatabaseId database_ = DatabaseId({1});
  KeepsUp known_;
};

TEST_F(Lateness, IsNoneWhileLogAndBackupsKeepUp) {
  EXPECT_THAT(late(), IsEmpty());
}

TEST_F(Lateness, IsMeasuredAtWhatCanBeRestoredAndNotAtTheLastBackup) {
  known_.last_backup = now_ - minutes(1);
  known_.recoverable_through = now_ - minutes(5);
  EXPECT_EQ(late(), "what can be restored is 5m behind, its objective is 1m");
}

TEST_F(Lateness, DoesNotGrowBetweenTwoBeatsOfANodeThatKeepsUp) {
  known_.heard_at = now_ - seconds(70);
  known_.recoverable_through = now_ - seconds(90);
  EXPECT_THAT(late(), IsEmpty());
}

TEST_F(Lateness, OfADatabaseWithoutALogIsThatOfItsBackups) {
  known_.log = KeepsUp::Log::none;
  known_.recoverable_through = known_.last_backup;
  EXPECT_THAT(late(), IsEmpty());
  known_.recoverable_through = known_.last_backup = now_ - hours(12);
  EXPECT_THAT(late(), HasSubstr("its backup of 2026-03-10T03:00:00"));
  EXPECT_THAT(late(), HasSubstr("overdue by 9h"));
}

TEST_F(Lateness, OfARunBeginsWhenItsRetriesHadTheirTime) {
  known_.last_backup = now_ - hours(30);
  now_ = parse_time("2026-03-10T03:40:00Z").value();
  known_.last_backup = now_ - hours(24);
  known_.heard_at = now_;
  known_.recoverable_through = now_;
  EXPECT_THAT(late(), IsEmpty());
  now_ = now_ + minutes(40);
  known_.heard_at = known_.recoverable_through = now_;
  EXPECT_THAT(late(), HasSubstr("overdue"));
  known_.backup = KeepsUp::Backup::runs;
  EXPECT_THAT(late(), IsEmpty()) << "it is being made";
}

TEST_F(Lateness, OfWhatCannotBeRestoredAtAllIsSaidAfterAWhile) {
  known_.recoverable_through = {};
  known_.last_backup = {};
  EXPECT_THAT(late(), HasSubstr("nothing of it can be restored"));
  known_.protected_since = now_ - minutes(10);
  EXPECT_THAT(late(), IsEmpty());
}

class LateDatabases : public FleetFixture {};

TEST_F(LateDatabases, AreShownWhenTheirNodeIsAway) {
  Host host = join("db1");
  add_store();
  inventory(host, {postgres("/srv/orders", 7)});
  const auto id = database("orders").id;
  take_backup(host, id, {});
  ship(host, id, Timeline(1), Lsn(100), Lsn(300), now_, now_);
  EXPECT_THAT(list(Listing::databases).databases.at(0).late, IsEmpty());
  pass(hours(2));
  tick();
  EXPECT_THAT(list(Listing::databases).databases.at(0).late, HasSubstr("2h behind"));
  EXPECT_THAT(list(Listing::status).databases.at(0).late, HasSubstr("2h behind"));
}

}  // namespace
}  // namespace holdfast
