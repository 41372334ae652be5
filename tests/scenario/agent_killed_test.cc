// kill -9 of the agent at any moment: what was under way ends as failed and says why, nothing half done is shown as
// done, the log goes on without a hole, and a restore that was cut off leaves the database as it was.
#include <filesystem>
#include <functional>
#include <random>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class AgentKilled : public Outage {
 protected:
  void SetUp() override {
    Outage::SetUp();
    RecordProperty("seed", std::to_string(seed_));
    std::printf("seed %u\n", seed_);
  }
  std::uint32_t up_to(std::uint32_t most) { return std::uniform_int_distribution<std::uint32_t>(0, most)(random_); }

  // Returns whether the job was cut off by it.
  bool kill_during(const std::string& backup_job, std::uint32_t rows_later) {
    EXPECT_TRUE(Fleet::eventually([&] { return job_state(backup_job) != "queued"; }, 30));
    const std::size_t before = writes_->count();
    EXPECT_TRUE(Fleet::eventually([&] { return writes_->count() >= before + rows_later; }));
    fleet_.agent(host).kill_hard();
    restart_agent();
    EXPECT_TRUE(job_ends(backup_job)) << job(backup_job);
    const auto ended = job(backup_job);
    if (ended.value("state", "") == "complete") return false;
    EXPECT_EQ(ended.value("state", ""), "failed");
    EXPECT_NE(ended.value("error", "").find("the agent stopped unexpectedly"), std::string::npos) << ended;
    return true;
  }

  std::vector<std::string> set_aside() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(cluster_->root())) {
      const std::string name = entry.path().filename();
      if (name.find(".holdfast-before-") != std::string::npos) found.push_back(name);
    }
    return found;
  }

 private:
  std::uint32_t seed_ = std::random_device{}();
  std::mt19937 random_{seed_};
};

TEST_F(AgentKilled, LosesNothingAndShowsNothingHalfDoneWhileItBacksUpAndShips) {
  create_cluster(250);
  protect();
  start_writes();
  std::set<std::string> cut_off;
  std::size_t complete = complete_backups().size();
  for (int round = 0; round < 6; ++round) {
    SCOPED_TRACE(round);
    const std::string ordered = order_backup();
    // The first two at once, so that a quick machine too has some that were not done yet.
    if (kill_during(ordered, round < 2 ? 0 : up_to(30))) {
      cut_off.insert(ordered);
    } else {
      ++complete;
    }
  }
  EXPECT_FALSE(cut_off.empty()) << "every backup was done before its agent was killed";
  std::set<std::string> of_complete_jobs;
  for (const auto& one : jobs("backup")) {
    if (one["state"] == "complete") of_complete_jobs.insert(one["backup"]);
  }
  const auto backups = complete_backups();
  EXPECT_GE(backups.size(), complete);
  for (const auto& backup : backups) {
    EXPECT_TRUE(of_complete_jobs.contains(backup["id"])) << backup << " is listed, but its job was cut off";
    const auto verified = fleet_.cli({"backup", "verify", backup["id"]});
    EXPECT_EQ(verified.exit_code, 0) << verified.err;
  }
  expect_every_acknowledged_row_after_restore();
}

TEST_F(AgentKilled, PutsTheOldDirectoryBackWhenARestoreWasCutOff) {
  create_cluster(250);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 30; }));
  writes_->stop();
  ASSERT_TRUE(covered(clock_.now()));
  const std::string data = cluster_->data_directory();
  // Moments that a restore passes, by what it has put there.
  const std::vector<std::string> moments{"", "/ballast", "/global/pg_control", "/postmaster.pid"};
  for (const auto& moment : moments) {
    SCOPED_TRACE("killed when there was " + data + moment);
    ASSERT_THAT(cluster_->sql("CREATE TABLE only_in_the_old_one (id int)"), Succeeded());
    const auto ordered = restore({"--latest", "--detach", "-o", "name"});
    ASSERT_EQ(ordered.exit_code, 0) << ordered.err;
    ASSERT_TRUE(Fleet::eventually([&] { return !set_aside().empty(); }));
    // Looked for without a pause: some are there for a moment only.
    const auto deadline = clock_.monotonic() + Micros(std::chrono::seconds(60));
    while (!std::filesystem::exists(data + moment) && clock_.monotonic() < deadline) continue;
    fleet_.agent(host).kill_hard();
    restart_agent();
    const std::string restoring = ordered.out.substr(0, ordered.out.find('\n'));
    ASSERT_TRUE(job_ends(restoring)) << job(restoring);
    const auto ended = job(restoring);
    if (ended.value("state", "") == "failed") {
      EXPECT_NE(ended.value("error", "").find("what was there before is back in its place"), std::string::npos)
          << ended;
      EXPECT_TRUE(set_aside().empty());
      EXPECT_THAT(cluster_->sql("DROP TABLE only_in_the_old_one"), Succeeded());
    } else {
      ASSERT_THAT(cluster_->sql("DROP TABLE IF EXISTS only_in_the_old_one"), Succeeded());
    }
    expect_rows(rows(), clock_.now());
    ASSERT_TRUE(covered(clock_.now())) << "it is not protected any more";
  }
  expect_every_acknowledged_row_after_restore();
}

TEST_F(AgentKilled, StartsNoServerOnADirectoryThatADeltaRestoreHasOverwrittenInPart) {
  create_cluster(250);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 30; }));
  writes_->stop();
  ASSERT_TRUE(covered(clock_.now()));
  const std::string data = cluster_->data_directory();
  // What a restore has put beside or into the directory, after it has begun to overwrite: each is one more than before.
  const auto leftovers = [this] { return set_aside().size(); };
  const auto signals = [&data] { return std::size_t(std::filesystem::exists(data + "/recovery.signal")); };
  for (const auto& count : {std::function<std::size_t()>(leftovers), std::function<std::size_t()>(signals)}) {
    const std::size_t before = count();
    const auto ordered = restore({"--latest", "--delta", "--detach", "-o", "name"});
    ASSERT_EQ(ordered.exit_code, 0) << ordered.err;
    // Looked for without a pause: some are there for a moment only.
    const auto deadline = clock_.monotonic() + Micros(std::chrono::seconds(60));
    while (count() == before && clock_.monotonic() < deadline) continue;
    fleet_.agent(host).kill_hard();
    restart_agent();
    const std::string restoring = ordered.out.substr(0, ordered.out.find('\n'));
    ASSERT_TRUE(job_ends(restoring)) << job(restoring);
    const auto ended = job(restoring);
    EXPECT_EQ(ended.value("state", ""), "failed");
    EXPECT_NE(ended.value("error", "").find("marked so that no server starts on it"), std::string::npos) << ended;
    EXPECT_TRUE(std::filesystem::exists(data + "/holdfast-restore-incomplete"));
    EXPECT_FALSE(std::filesystem::exists(data + "/global/pg_control"));
    EXPECT_FALSE(cluster_->start());
    const auto again = restore({"--latest", "--delta"});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    expect_rows(rows(), clock_.now());
    ASSERT_TRUE(covered(clock_.now())) << "it is not protected any more";
  }
  expect_every_acknowledged_row_after_restore();
}

}  // namespace
}  // namespace holdfast
