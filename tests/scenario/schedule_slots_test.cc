// Two hosts whose backups are due at once, and a policy that lets one run in the fleet: they take turns as long as the
// coordinator answers, and go on by themselves when it does not.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "shared/sqlite/connection.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

class ScheduleSlots : public testing::Test {
 protected:
  static constexpr const char* hosts[] = {"db1", "db2"};

  // Some MiB that do not compress, so that a backup takes its time.
  void make_database(const std::string& host) {
    const std::string directory = fleet_->path("data-" + host);
    std::filesystem::create_directories(directory);
    auto app = SqliteConnection::open(directory + "/" + host + ".data", SqliteOpen::create, std::chrono::seconds(5));
    ASSERT_THAT(app, Succeeded());
    ASSERT_THAT(app->execute("CREATE TABLE t (id INTEGER PRIMARY KEY, value BLOB);"
                             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60) "
                             "INSERT INTO t SELECT i, randomblob(1048576) FROM n"),
                Succeeded());
    fleet_.add_host(host, {directory});
  }
  void apply_policy(const std::string& schedule) {
    const std::string file = fleet_->path("policy.yaml");
    std::ofstream(file) << "apiVersion: holdfast/v1\nkind: Policy\nname: turns\nmatch: {fleet: demo}\nschedule: {"
                        << schedule << "}\nlimits: {per_fleet: 1}\n";
    const auto applied = fleet_->cli({"policy", "apply", "-f", file});
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
    EXPECT_EQ((applied.out + applied.err).find("per_fleet"), std::string::npos) << "it is in effect";
  }
  std::vector<nlohmann::json> complete_backups() const {
    std::vector<nlohmann::json> jobs;
    for (const auto& job : fleet_.list("job")) {
      if (job["kind"] == "backup" && job["state"] == "complete") jobs.push_back(job);
    }
    return jobs;
  }
  static void expect_one_after_the_other(std::vector<nlohmann::json> jobs) {
    const auto time = [](const nlohmann::json& job, const char* what) {
      return parse_time(job[what].get<std::string>());
    };
    std::ranges::sort(jobs, {}, [&](const auto& job) { return time(job, "startedAt").value(); });
    for (std::size_t i = 1; i < jobs.size(); ++i) {
      EXPECT_LE(time(jobs[i - 1], "finishedAt").value(), time(jobs[i], "startedAt").value()) << jobs[i].dump(1);
    }
  }
  // As the agent's own state tells it.
  int complete_on(const std::string& host) {
    const std::string status = agent_status(host);
    int count = 0;
    for (auto at = status.find(" backup complete"); at != std::string::npos;
         at = status.find(" backup complete", at + 1)) {
      ++count;
    }
    return count;
  }
  std::string agent_status(const std::string& host) {
    const std::string out = fleet_->path("status-" + host);
    std::filesystem::remove(out);
    auto status =
        ChildProcess::start({Fleet::binary("holdfast-agent"), "status", "--state", fleet_->place(host).state}, out);
    status.wait();
    return read_file(out);
  }

  SmallFleet fleet_;
};

TEST_F(ScheduleSlots, TakeTurnsAndGoOnByThemselvesWhenTheCoordinatorIsGone) {
  apply_policy("full: '@yearly'");
  for (const char* host : hosts) make_database(host);
  ASSERT_TRUE(Fleet::eventually([&] { return complete_backups().size() == 2; })) << fleet_.list("job").dump(1);
  expect_one_after_the_other(complete_backups());
  for (const auto& job : complete_backups()) EXPECT_FALSE(job.contains("steps")) << job.dump(1);

  apply_policy("full: '* * * * *'");
  // Both have run by the new schedule: they know it.
  ASSERT_TRUE(Fleet::eventually([&] { return complete_on("db1") >= 2 && complete_on("db2") >= 2; }, 100));
  expect_one_after_the_other(complete_backups());
  const int before = std::max(complete_on("db1"), complete_on("db2"));
  fleet_->coordinator().kill_hard();
  ASSERT_TRUE(Fleet::eventually([&] { return complete_on("db1") > before && complete_on("db2") > before; }, 150));

  fleet_->start_coordinator();
  const auto alone = [&](const char* host) {
    return std::ranges::any_of(complete_backups(), [&](const auto& job) {
      return job["node"] == host && job.contains("steps") &&
             job["steps"].dump().find("did not answer") != std::string::npos;
    });
  };
  EXPECT_TRUE(Fleet::eventually([&] { return alone("db1") && alone("db2"); })) << fleet_.list("job").dump(1);
}

}  // namespace
}  // namespace holdfast
