// Log that never got into a store: everybody is told, and the agent sees to it that there is something to restore from
// again.
#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class LogLost : public Outage {
 protected:
  // What is not copied yet goes: the slot, and the log that only it held.
  void lose_log() {
    ASSERT_THAT(cluster_->sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots"), Succeeded());
    for (int i = 0; i < 3; ++i) {
      ASSERT_THAT(cluster_->sql("INSERT INTO journal VALUES (" + std::to_string(-1 - i) + "); SELECT pg_switch_wal()"),
                  Succeeded());
      ASSERT_THAT(cluster_->sql("CHECKPOINT"), Succeeded());
    }
  }
};

TEST_F(LogLost, IsShownAndMadeGoodByANewBackupWithoutACommand) {
  create_cluster(40);
  protect();
  // Slow enough that the gap is seen while it is open.
  apply_policy("full: '@yearly'", "limits: {bandwidth: 8MiB/s}\n");
  ASSERT_TRUE(Fleet::eventually([&] { return agent_status().find("policy \"often\"") != std::string::npos; }));
  ASSERT_FALSE(status_says("gap"));
  fleet_.agent(host).stop();
  lose_log();
  restart_agent();
  EXPECT_TRUE(Fleet::eventually([&] { return status_says("its log has a gap"); })) << fleet_.query({"status"}).dump(1);
  ASSERT_TRUE(Fleet::eventually([&] { return complete_backups().size() == 2; }));
  EXPECT_TRUE(Fleet::eventually([&] { return !status_says("gap"); })) << fleet_.query({"status"}).dump(1);
  std::set<std::string> origins;
  for (const auto& job : jobs("backup")) origins.insert(job.value("origin", ""));
  EXPECT_EQ(origins, (std::set<std::string>{"first backup", "log was lost"}));
  EXPECT_EQ(gaps().size(), 1U);

  ASSERT_THAT(cluster_->sql("INSERT INTO journal VALUES (7)"), Succeeded());
  ASSERT_TRUE(covered(clock_.now()));
  const auto restored = restore({"--latest"});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_EQ(rows(), (std::set<std::int64_t>{-3, -2, -1, 7}));
}

TEST_F(LogLost, BecauseMaxSlotWalKeepSizeWasExceededIsShownAndMadeGood) {
  create_cluster(40);
  protect();
  apply_policy("full: '@yearly'", "limits: {bandwidth: 8MiB/s}\n");
  ASSERT_TRUE(Fleet::eventually([&] { return agent_status().find("policy \"often\"") != std::string::npos; }));
  fleet_.agent(host).stop();
  for (const char* line : {"max_slot_wal_keep_size = 1MB", "min_wal_size = 32MB", "max_wal_size = 32MB"}) {
    ASSERT_THAT(cluster_->append_config(line), Succeeded());
  }
  ASSERT_THAT(cluster_->reload(), Succeeded());
  ASSERT_TRUE(Fleet::eventually([&] {
    for (int i = 0; i < 3; ++i) {
      EXPECT_THAT(cluster_->sql("SELECT pg_logical_emit_message(false, 'test', 'fill'), pg_switch_wal()"), Succeeded());
    }
    EXPECT_THAT(cluster_->sql("CHECKPOINT"), Succeeded());
    return cluster_->sql("SELECT wal_status FROM pg_replication_slots").value_or("") == "lost";
  }));
  ASSERT_THAT(cluster_->append_config("max_slot_wal_keep_size = -1"), Succeeded());
  ASSERT_THAT(cluster_->reload(), Succeeded());
  restart_agent();
  EXPECT_TRUE(Fleet::eventually([&] { return status_says("its log has a gap"); })) << fleet_.query({"status"}).dump(1);
  EXPECT_TRUE(Fleet::eventually([&] { return complete_backups().size() == 2 && !status_says("gap"); }))
      << fleet_.query({"status"}).dump(1);
  EXPECT_TRUE(covered(clock_.now()));
}

}  // namespace
}  // namespace holdfast
