// The coordinator is gone, for a moment or for long: agents go on by what they know, and what they did is told later.
// What was acknowledged before a kill -9 is there after it.
#include <fstream>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class CoordinatorAway : public Outage {
 protected:
  bool told_of_complete_backups(std::size_t count) {
    return Fleet::eventually([&] { return complete_backups().size() >= count; });
  }
};

TEST_F(CoordinatorAway, TheFirstBackupIsTakenWithoutItAndToldWhenItIsBack) {
  create_cluster(150);
  enrol_agent();
  // The policy has come, the backup is not done yet.
  ASSERT_TRUE(
      Fleet::eventually([&] { return agent_knows("backup", "running") + agent_knows("backup", "complete") > 0; }));
  kill_coordinator();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return agent_knows("backup", "complete") == 1; }));
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 40; }));
  writes_->stop();

  fleet_.start_coordinator();
  ASSERT_TRUE(told_of_complete_backups(1));
  EXPECT_EQ(jobs("backup").size(), 1U);
  database_ = items({"database", "list"})[0]["name"];
  expect_every_acknowledged_row_after_restore();
}

TEST_F(CoordinatorAway, TheScheduleAndTheLogGoOnWithoutIt) {
  create_cluster(0);
  protect();
  apply_policy("full: \"* * * * *\"");
  ASSERT_TRUE(Fleet::eventually([&] { return agent_status().find("policy \"often\"") != std::string::npos; }));
  const auto known = complete_backups();
  kill_coordinator();
  start_writes();
  const int before = agent_knows("backup", "complete");
  ASSERT_TRUE(Fleet::eventually([&] { return agent_knows("backup", "complete") > before; }, 100));
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 40; }));
  const Timestamp while_away = clock_.now();

  fleet_.start_coordinator();
  ASSERT_TRUE(told_of_complete_backups(static_cast<std::size_t>(before) + 1));
  for (const auto& backup : known) EXPECT_EQ(fleet_.cli({"backup", "describe", backup["id"]}).exit_code, 0);
  ASSERT_TRUE(covered(while_away));
  expect_every_acknowledged_row_after_restore();
}

TEST_F(CoordinatorAway, NothingAcknowledgedIsLostAndNoJobRunsTwiceThroughManyKills) {
  create_cluster(60);
  protect();
  start_writes();
  std::set<std::string> tokens;
  std::set<std::string> ordered;
  std::set<std::string> backups;
  for (int round = 0; round < 5; ++round) {
    SCOPED_TRACE(round);
    const auto token = fleet_.cli({"token", "create", "--label", "round=" + std::to_string(round), "-o", "json"});
    ASSERT_EQ(token.exit_code, 0) << token.err;
    tokens.insert(token.json().value("id", token.out));
    const std::string policy = fleet_.path("round-" + std::to_string(round) + ".yaml");
    std::ofstream(policy) << "apiVersion: holdfast/v1\nkind: Policy\nname: round-" << round << "\nmatch: {round: \""
                          << round << "\"}\n";
    ASSERT_EQ(fleet_.cli({"policy", "apply", "-f", policy}).exit_code, 0);
    const std::string backup_job = order_backup();
    ordered.insert(backup_job);
    kill_coordinator();  // right after its answer
    fleet_.start_coordinator();
    kill_coordinator();  // and again while it learns from the agent what goes on
    fleet_.start_coordinator();
    for (const auto& id : ordered) EXPECT_NE(job_state(id), "") << id << " was acknowledged and is forgotten";
    for (const auto& id : backups) EXPECT_EQ(fleet_.cli({"backup", "describe", id}).exit_code, 0) << id;
    for (const auto& backup : complete_backups()) backups.insert(backup["id"]);
    std::set<std::string> listed;
    for (const auto& one : items({"token", "list"})) listed.insert(one.value("id", ""));
    for (const auto& id : tokens) EXPECT_TRUE(listed.contains(id)) << id;
    EXPECT_EQ(items({"policy", "list"}).size(), static_cast<std::size_t>(round) + 2);  // and "default"
    EXPECT_EQ(items({"store", "list"}).size(), 1U);
    ASSERT_TRUE(job_ends(backup_job));  // a second one of the same database would be refused
  }
  for (const auto& id : ordered) EXPECT_EQ(job_state(id), "complete") << job(id);
  // One backup for the first time and one for each order: nothing was lost, nothing ran twice.
  EXPECT_EQ(complete_backups().size(), ordered.size() + 1);
  EXPECT_EQ(agent_knows("backup", "complete"), static_cast<int>(ordered.size()) + 1);
  expect_every_acknowledged_row_after_restore();
}

TEST_F(CoordinatorAway, BothAreKilledAtOnce) {
  create_cluster(150);
  protect();
  start_writes();
  std::vector<std::string> ordered;
  for (int round = 0; round < 3; ++round) {
    ordered.push_back(order_backup());
    SCOPED_TRACE(ordered.back());
    const std::size_t before = writes_->count();
    ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > before + 8U * static_cast<unsigned>(round); }));
    fleet_.agent(host).kill_hard();
    kill_coordinator();
    restart_agent();
    fleet_.start_coordinator();
    ASSERT_TRUE(job_ends(ordered.back())) << job(ordered.back());
  }
  std::size_t complete = 1;
  for (const auto& id : ordered) {
    const auto ended = job(id);
    if (ended["state"] == "complete") {
      ++complete;
    } else {
      EXPECT_TRUE(ended["error"].is_string()) << ended;
    }
  }
  EXPECT_GE(complete_backups().size(), complete);
  expect_every_acknowledged_row_after_restore();
}

}  // namespace
}  // namespace holdfast
