// A primary and its streaming standby, each with its own agent: the standby is backed up, the primary's log is shipped,
// and a failover in between costs nothing.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <sstream>
#include <thread>

#include "shared/os/clock.h"
#include "tests/harness/acknowledged_writes.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

std::set<std::int64_t> rows_of(const PostgresCluster& cluster) {
  const auto text = cluster.sql("SELECT id FROM journal");
  EXPECT_THAT(text, Succeeded());
  std::set<std::int64_t> ids;
  std::istringstream lines(text.value_or(""));
  for (std::int64_t id = 0; lines >> id;) ids.insert(id);
  return ids;
}

class StreamingPair : public testing::Test {
 protected:
  StreamingPair()
      : primary_(PostgresCluster::started({.page_checksums = PageChecksums::on}).value()),
        standby_(PostgresCluster::standby_of(primary_).value()) {}

  void SetUp() override {
    ASSERT_THAT(primary_.sql("CREATE TABLE journal (id bigint PRIMARY KEY)"), Succeeded());
    ASSERT_THAT(primary_.run_program("pgbench", bench({"-i", "-q"}, primary_)), Succeeded());
  }
  void TearDown() override {
    if (writes_) writes_->stop();
    if (load_.joinable()) load_.join();
  }

  // What was acknowledged is on the standby: without that a failover may lose it, whatever a backup does.
  void make_replication_synchronous() {
    ASSERT_THAT(primary_.append_config("synchronous_standby_names = 'walreceiver'"), Succeeded());
    ASSERT_THAT(primary_.reload(), Succeeded());
  }
  void protect(const std::string& schedule) {
    const std::string file = fleet_->path("policy.yaml");
    write_file(file, "apiVersion: holdfast/v1\nkind: Policy\nname: pairs\nmatch: {fleet: demo}\nschedule: {" +
                         schedule + "}\nwal: {rpo: 1s}\n");
    const auto applied = fleet_->cli({"policy", "apply", "-f", file});
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
    // The standby first: a primary alone would be backed up at once.
    fleet_.add_host("standby-host", {standby_.root()});
    ASSERT_TRUE(Fleet::eventually([&] { return fleet_.list("database").size() == 1; }));
    fleet_.add_host("primary-host", {primary_.root()});
    ASSERT_TRUE(Fleet::eventually([&] { return database()["nodes"].size() == 2; })) << database().dump(1);
    name_ = database()["name"];
  }
  nlohmann::json database() const {
    const auto all = fleet_.list("database");
    EXPECT_EQ(all.size(), 1U) << all.dump(1);
    return all.empty() ? nlohmann::json() : all[0];
  }
  std::vector<nlohmann::json> complete_backups() const {
    std::vector<nlohmann::json> found;
    for (const auto& backup : fleet_.list("backup")) {
      if (backup["state"] == "complete") found.push_back(backup);
    }
    return found;
  }
  bool backups_are_taken_by(const std::string& node) const {
    return Fleet::eventually([&] { return database().value("backupNode", "") == node; });
  }
  nlohmann::json back_up_now(const std::vector<std::string>& options = {}) {
    std::set<std::string> before;
    for (const auto& backup : complete_backups()) before.insert(backup["id"]);
    std::vector<std::string> command{"backup", "create", name_};
    command.insert(command.end(), options.begin(), options.end());
    const auto made = fleet_->cli(command);
    EXPECT_EQ(made.exit_code, 0) << made.err;
    for (const auto& backup : complete_backups()) {
      if (!before.contains(backup["id"])) return backup;
    }
    return nlohmann::json::object();
  }

  void start_writes() {
    writes_ = std::make_unique<AcknowledgedWrites>([this](std::int64_t id) {
      const PostgresCluster& cluster = promoted_ ? standby_ : primary_;
      return cluster.sql("INSERT INTO journal VALUES (" + std::to_string(id) + ")").has_value();
    });
  }
  bool more_writes(std::size_t count) {
    const std::size_t before = writes_->count();
    return Fleet::eventually([&] { return writes_->count() >= before + count; });
  }
  // Ends when the server does, or after this many transactions.
  void start_load(const PostgresCluster& cluster, int transactions) {
    if (load_.joinable()) load_.join();
    load_ = std::thread([arguments = bench({"-n", "-R", "40", "-t", std::to_string(transactions)}, cluster), &cluster] {
      (void)cluster.run_program("pgbench", arguments);
    });
  }
  static std::vector<std::string> bench(const std::vector<std::string>& options, const PostgresCluster& cluster) {
    auto arguments = cluster.connection_arguments();
    arguments.insert(arguments.end(), options.begin(), options.end());
    arguments.emplace_back("postgres");
    return arguments;
  }

  // Restored to `moment` beside the original: every row that was acknowledged before, none that was asked for after,
  // and sound tables and indexes.
  void expect_moment(Timestamp moment, const std::string& as) {
    SCOPED_TRACE(as);
    // Where no agent looks: it would find another primary of this group.
    const auto elsewhere = OwnedDirectory::of(standby_.owner()).value();
    const std::string directory = elsewhere.path() + "/data";
    const auto restored = fleet_.restore({name_, "--to-time", to_rfc3339(moment), "--target-directory", directory,
                                          "--target-node", "standby-host", "--no-start"});
    ASSERT_EQ(restored.exit_code, 0) << restored.err;
    auto copy = PostgresCluster::adopt(directory).value();
    ASSERT_THAT(copy.start(), Succeeded());
    ASSERT_THAT(copy.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    const auto found = rows_of(copy);
    const auto expected = writes_->before(moment);
    EXPECT_GT(expected.size(), 20U);
    for (const auto id : expected) EXPECT_TRUE(found.contains(id)) << "acknowledged row " << id << " is lost";
    for (const auto id : writes_->after(moment)) EXPECT_FALSE(found.contains(id)) << "row " << id << " is from later";
    EXPECT_EQ(
        copy.sql("SELECT (SELECT sum(abalance) FROM pgbench_accounts) = (SELECT sum(bbalance) FROM "
                 "pgbench_branches) AND (SELECT sum(tbalance) FROM pgbench_tellers) = (SELECT coalesce(sum(delta), "
                 "0) FROM pgbench_history)")
            .value_or(""),
        "t");
    auto check = copy.connection_arguments();
    check.insert(check.end(), {"--install-missing", "--heapallindexed", "postgres"});
    EXPECT_THAT(copy.run_program("pg_amcheck", check), Succeeded());
    EXPECT_THAT(copy.stop(), Succeeded());
  }

  SystemClock clock_;
  PostgresCluster primary_;
  PostgresCluster standby_;
  SmallFleet fleet_;
  std::string name_;
  std::atomic<bool> promoted_{false};
  std::unique_ptr<AcknowledgedWrites> writes_;
  std::thread load_;
};

TEST_F(StreamingPair, IsBackedUpAtTheStandbyAndAPromotionCostsNothing) {
  make_replication_synchronous();
  protect("full: \"* * * * *\", prefer: standby");
  ASSERT_TRUE(Fleet::eventually([&] {
    for (const auto& backup : complete_backups()) {
      if (backup["node"] == "standby-host") return true;
    }
    return false;
  })) << fleet_.list("job").dump(1);
  const std::string id = database()["id"];
  EXPECT_EQ(database()["backupNode"], "standby-host");
  EXPECT_EQ(standby_.sql("SELECT count(*) FROM pg_replication_slots WHERE NOT temporary").value_or(""), "0");
  EXPECT_EQ(primary_.sql("SELECT count(*) FROM pg_replication_slots WHERE active").value_or(""), "1");

  start_load(primary_, 100'000);
  start_writes();
  ASSERT_TRUE(more_writes(40));
  const Timestamp before = clock_.now();
  ASSERT_TRUE(more_writes(20));

  ASSERT_THAT(primary_.kill_hard(), Succeeded());
  ASSERT_THAT(standby_.promote(), Succeeded());
  promoted_ = true;
  ASSERT_TRUE(more_writes(5));
  const Timestamp across = clock_.now();  // nobody ships the new primary's log yet
  start_load(standby_, 400);
  ASSERT_TRUE(more_writes(40));
  ASSERT_TRUE(fleet_.covered(name_, across));
  ASSERT_TRUE(more_writes(20));
  const Timestamp after = clock_.now();
  ASSERT_TRUE(more_writes(5));
  writes_->stop();
  ASSERT_TRUE(fleet_.covered(name_, after));

  EXPECT_EQ(database()["id"], id);
  EXPECT_EQ(database()["backupNode"], "standby-host");
  EXPECT_EQ(fleet_.list("window", {name_})[0]["gaps"], nlohmann::json::array());
  // Of the new primary the next run of the schedule is its own.
  EXPECT_TRUE(Fleet::eventually(
      [&] {
        for (const auto& backup : complete_backups()) {
          if (backup["timeline"] == 2) return true;
        }
        return false;
      },
      90));
  std::set<std::string> minutes;
  for (const auto& job : fleet_.list("job")) {
    if (job["kind"] != "backup" || job["origin"] != "schedule") continue;
    EXPECT_TRUE(minutes.insert(job["startedAt"].get<std::string>().substr(0, 16)).second)
        << "two runs at one scheduled time: " << job.dump(1);
  }

  expect_moment(before, "before");
  expect_moment(across, "across");
  expect_moment(after, "after");
}

TEST_F(StreamingPair, IsBackedUpAtThePrimaryWhileTheStandbyIsDown) {
  protect("full: \"@yearly\", prefer: standby");
  ASSERT_FALSE(fleet_->wait_for_backup().is_null());
  EXPECT_EQ(complete_backups().at(0)["node"], "standby-host");

  ASSERT_THAT(standby_.stop(), Succeeded());
  ASSERT_TRUE(backups_are_taken_by("primary-host")) << database().dump(1);
  EXPECT_THAT(database()["backupNote"].get<std::string>(), HasSubstr("it is not on its node now"));
  const auto at_the_primary = back_up_now();
  EXPECT_EQ(at_the_primary["node"], "primary-host");
  EXPECT_THAT(at_the_primary["reason"].get<std::string>(), HasSubstr("taken from the primary"));
  EXPECT_EQ(complete_backups().size(), 2U) << "the move alone makes no backup";

  ASSERT_THAT(standby_.start(), Succeeded());
  ASSERT_TRUE(backups_are_taken_by("standby-host")) << database().dump(1);
  start_writes();
  ASSERT_TRUE(more_writes(30));
  const auto incremental = back_up_now({"--type", "incremental"});
  EXPECT_EQ(incremental["node"], "standby-host");
  EXPECT_EQ(incremental["type"], "incremental");
  EXPECT_THAT(incremental["reason"].get<std::string>(), HasSubstr("another node reads the log of this standby"));
  const auto verified = fleet_->cli({"backup", "verify", incremental["id"], "--recovery-key", fleet_->recovery_key()});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  ASSERT_TRUE(more_writes(10));
  const Timestamp moment = clock_.now();
  ASSERT_TRUE(more_writes(5));
  writes_->stop();
  ASSERT_TRUE(fleet_.covered(name_, moment));
  expect_moment(moment, "later");
  EXPECT_EQ(complete_backups().size(), 3U);
}

}  // namespace
}  // namespace holdfast
