// What a killed backup left in the store goes after the grace, by the coordinator's hand, and every backup that is kept
// is whole afterwards.
#include <filesystem>
#include <fstream>

#include "shared/repository/layout.h"
#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class Sweep : public Outage {
 protected:
  void SetUp() override {
    Outage::SetUp();
    std::ofstream(fleet_.path("coordinator.yaml")) << "heartbeat_seconds: 1\nsweep: {every: 1s, grace: 6s}\n";
    kill_coordinator();
    fleet_.start_coordinator();
  }
  std::string place_of(const std::string& backup) const {
    const auto database = DatabaseId::parse(items({"database", "list"})[0]["id"].get<std::string>()).value();
    return fleet_.store() + "/" + backup_prefix(database, BackupId::parse(backup).value());
  }
  std::set<std::string> objects_of(const std::string& backup) const {
    std::set<std::string> names;
    std::error_code gone;
    for (const auto& entry : files::directory_iterator(place_of(backup), gone)) {
      // A put that was cut off leaves a temporary file, which is no object; the store's own check takes it away.
      const std::string name = entry.path().filename();
      if (!name.starts_with(".holdfast-tmp-")) names.insert(name);
    }
    return names;
  }
  // Kills the agent when some of a backup's packs are in the store. The backup's id; empty: it was done before.
  std::string killed_backup() {
    const std::string ordered = order_backup();
    const std::string backup = job(ordered).value("backup", "");
    EXPECT_NE(backup, "");
    EXPECT_TRUE(Fleet::eventually([&] { return !objects_of(backup).empty(); }, 60));
    fleet_.agent(host).kill_hard();
    restart_agent();
    EXPECT_TRUE(job_ends(ordered)) << job(ordered);
    return job_state(ordered) == "complete" ? "" : backup;
  }
};

TEST_F(Sweep, TakesAwayWhatAKilledBackupLeftAndNothingElse) {
  create_cluster(250);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 20; }));
  const auto incremental = fleet_.cli({"backup", "create", database_, "--type", "incremental"});
  ASSERT_EQ(incremental.exit_code, 0) << incremental.err;
  std::string killed;
  for (int attempt = 0; attempt < 5 && killed.empty(); ++attempt) killed = killed_backup();
  ASSERT_NE(killed, "") << "every backup was done before its agent was killed";
  EXPECT_TRUE(Fleet::eventually([&] { return objects_of(killed).empty(); }, 60)) << fleet_.path("store");
  const auto kept = complete_backups();
  ASSERT_GE(kept.size(), 2U);
  for (const auto& backup : kept) {
    const auto verified = fleet_.cli({"backup", "verify", backup["id"], "--recovery-key", fleet_.recovery_key()});
    EXPECT_EQ(verified.exit_code, 0) << verified.err;
  }
  expect_every_acknowledged_row_after_restore();
}

}  // namespace
}  // namespace holdfast
