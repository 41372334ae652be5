// PostgreSQL itself is restarted, stopped, killed or promoted while it is backed up: the backup fails and says why, or
// is whole; the log goes on where it was.
#include <unistd.h>

#include <fstream>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

struct Blow {
  const char* name;
  Result<> (*strike)(PostgresCluster&);
};

class ServerTrouble : public Outage, public testing::WithParamInterface<Blow> {};

TEST_P(ServerTrouble, EndsTheBackupHonestlyAndTheLogGoesOn) {
  create_cluster(250);
  protect();
  start_writes();
  const std::string ordered = order_backup();
  ASSERT_TRUE(Fleet::eventually([&] {
    const auto all = jobs("backup");
    for (const auto& one : all) {
      if (one.value("id", "") == ordered) return one.value("state", "") != "queued";
    }
    return false;
  }));
  ASSERT_THAT(GetParam().strike(*cluster_), Succeeded());
  ASSERT_TRUE(job_ends(ordered)) << job(ordered);
  const auto ended = job(ordered);
  // Either is right; which one it was depends on how quick the machine is.
  std::printf("the backup ended as %s: %s\n", ended.value("state", "").c_str(), ended["error"].dump().c_str());
  std::set<std::string> listed;
  for (const auto& backup : complete_backups()) listed.insert(backup["id"]);
  if (ended["state"] == "complete") {
    EXPECT_TRUE(listed.contains(ended["backup"])) << ended;
  } else {
    EXPECT_EQ(ended["state"], "failed");
    EXPECT_TRUE(ended["error"].is_string()) << ended;
    EXPECT_EQ(listed.size(), 1U);
  }
  if (!cluster_->running()) {
    ASSERT_THAT(cluster_->start(), Succeeded());
  }
  const std::size_t before = writes_->count();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > before + 30; }));
  const auto again = fleet_.cli({"backup", "create", database_});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  expect_every_acknowledged_row_after_restore();
}

INSTANTIATE_TEST_SUITE_P(Servers, ServerTrouble,
                         testing::Values(Blow{"Restarted", [](PostgresCluster& cluster) { return cluster.restart(); }},
                                         Blow{"Stopped", [](PostgresCluster& cluster) { return cluster.stop(); }},
                                         Blow{"Killed", [](PostgresCluster& cluster) { return cluster.kill_hard(); }}),
                         [](const auto& of) { return std::string(of.param.name); });

class ServerAwayAndBack : public Outage {};

// The agent looks at its host every half minute; what an operator orders must not fail for what it saw before.
TEST_F(ServerAwayAndBack, IsBackedUpAtOnceAlthoughItWasLastSeenStopped) {
  create_cluster(0);
  protect();
  ASSERT_THAT(cluster_->stop(), Succeeded());
  restart_agent();
  const auto refused = fleet_.cli({"backup", "create", database_});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_NE(refused.err.find("is not on this host now"), std::string::npos) << refused.err;
  ASSERT_THAT(cluster_->start(), Succeeded());
  const auto made = fleet_.cli({"backup", "create", database_});
  EXPECT_EQ(made.exit_code, 0) << made.err;
}

class Promotion : public Outage {
 protected:
  // The cluster itself as a standby for a moment, so that its promotion begins a timeline.
  Result<> become_promoted() {
    TRY(cluster_->stop());
    const std::string signal = cluster_->data_directory() + "/standby.signal";
    std::ofstream(signal).close();
    if (::chown(signal.c_str(), cluster_->owner().uid, cluster_->owner().gid) != 0) {
      return fail(Code::unavailable, "chown standby.signal");
    }
    TRY(cluster_->start());
    return cluster_->promote();
  }
};

TEST_F(Promotion, IsFollowedAndRestoredAcross) {
  create_cluster(0);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 30; }));
  const Timestamp on_the_old_timeline = clock_.now();
  ASSERT_TRUE(covered(on_the_old_timeline));
  ASSERT_THAT(become_promoted(), Succeeded());
  ASSERT_THAT(cluster_->sql("CHECKPOINT"), Succeeded());
  EXPECT_EQ(cluster_->sql("SELECT timeline_id FROM pg_control_checkpoint()").value_or(""), "2");
  const std::size_t before = writes_->count();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > before + 30; }));
  // From the backup of the first timeline, over the switch, into the second.
  expect_every_acknowledged_row_after_restore();
  EXPECT_EQ(complete_backups().size(), 1U);
}

}  // namespace
}  // namespace holdfast
