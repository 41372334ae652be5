#include <gmock/gmock.h>

#include "shared/repository/layout.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

class Status : public FleetFixture {
 protected:
  Host host_ = join("db1");
  DatabaseId orders_;

  void SetUp() override {
    add_store("local");
    add_store("offsite");
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
    report_epoch(host_, orders_);
    Policy policy = list(Listing::policies).policies.front();
    policy.copies_want = 2;
    policy.stores = {"local", "offsite"};
    apply_policy(policy);
  }
  std::vector<std::string> alerts() { return list(Listing::status).status.alerts; }
  BackupId take(const std::vector<BackupCopy>& copies, const std::vector<std::string>& packs = {}) {
    pass(std::chrono::seconds(60));
    const auto id = entropy_.id<BackupId>();
    JobReport report = complete_backup(host_, orders_, entropy_.id<JobId>(), id, {}, packs,
                                       packs.empty() ? BackupType::full : BackupType::incremental);
    report.backup->copies = copies;
    say(host_, report);
    return id;
  }
};

TEST_F(Status, NamesTheStoreThatLacksPartOfTheNewestBackup) {
  take({{"local", "ok"}, {"offsite", "missing"}});
  EXPECT_THAT(alerts(), Contains(HasSubstr("\"orders\": its newest backup has 1 of 2 copies: missing in store "
                                           "\"offsite\"")));
  take({{"local", "ok"}, {"offsite", "ok"}});
  EXPECT_THAT(alerts(), Not(Contains(HasSubstr("copies"))));
}

TEST_F(Status, CountsACopyAsMissingWhereAPackOfAnEarlierBackupIs) {
  const BackupId parent = take({{"local", "ok"}, {"offsite", "missing"}});
  take({{"local", "ok"}, {"offsite", "ok"}}, {pack_name(orders_, parent, 0)});
  EXPECT_THAT(alerts(), Contains(HasSubstr("1 of 2 copies: missing in store \"offsite\"")));
}

TEST_F(Status, SaysThatIncrementalBackupsAreInDoubtWhenAFullOneFoundPagesMissing) {
  const BackupId parent = take({{"local", "ok"}, {"offsite", "ok"}});
  take({{"local", "ok"}, {"offsite", "ok"}}, {pack_name(orders_, parent, 0)});
  EXPECT_THAT(alerts(), Not(Contains(HasSubstr("changed blocks"))));
  pass(std::chrono::seconds(60));
  JobReport report = complete_backup(host_, orders_, entropy_.id<JobId>(), entropy_.id<BackupId>(), {});
  report.backup->cross_checked_pages = 100;
  report.backup->missed_pages = 3;
  say(host_, report);
  EXPECT_THAT(alerts(), Contains(AllOf(HasSubstr("the map of changed blocks missed 3 pages"),
                                       HasSubstr("its 1 earlier incremental"))));
}

TEST_F(Status, SaysWhenABackupWasMadeForFewerStoresThanThePolicyWants) {
  take({{"local", "ok"}});
  EXPECT_THAT(alerts(), Contains(HasSubstr("1 of 2 copies")));
}

}  // namespace
}  // namespace holdfast
