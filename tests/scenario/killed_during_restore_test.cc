// kill -9 of the coordinator, of an agent, or of both, while databases are being restored: what each of them said
// afterwards is true, no database is left between old and new, and the same restore can be run again.
#include <gtest/gtest.h>

#include <filesystem>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

bool any_beside(const std::string& directory, const std::string& part) {
  for (const auto& entry : files::directory_iterator(directory)) {
    if (entry.path().filename().string().find(part) != std::string::npos) return true;
  }
  return false;
}

class KilledDuringRestore : public testing::Test {
 protected:
  // The newest restore, once it has ended; null when it does not.
  nlohmann::json ended_restore() {
    nlohmann::json newest;
    const bool ended = Fleet::eventually(
        [&] {
          for (const auto& one : fleet_.list("restore")) {
            if (newest.is_null() || newest["id"] == one["id"] || one["startedAt"] > newest["startedAt"]) newest = one;
          }
          return !newest.is_null() && newest["state"] != "running";
        },
        180);
    return ended ? newest : nlohmann::json();
  }
  static nlohmann::json target_of(const nlohmann::json& restore, const std::string& database) {
    for (const auto& target : restore["targets"]) {
      if (target["database"] == database) return target;
    }
    return nullptr;
  }
  CliResult begin_restore(std::vector<std::string> databases) {
    databases.insert(databases.end(), {"--latest", "--detach"});
    return fleet_.restore(databases);
  }

  SystemClock clock_;
  SmallFleet fleet_;
};

class OfClusters : public KilledDuringRestore {
 protected:
  OfClusters() {
    for (const auto& [host, cluster] : clusters()) {
      sql(*cluster, "CREATE TABLE journal (id int)");
      sql(*cluster, "CREATE TABLE ballast AS SELECT repeat(md5(g::text), 30) FROM generate_series(1, 60000) g");
      fleet_.add_host(host, {cluster->root()});
    }
    EXPECT_TRUE(Fleet::eventually([this] { return fleet_.list("backup").size() >= 2; }));
    for (const auto& one : fleet_.list("database")) {
      names_[one["nodes"][0].get<std::string>()] = one["name"].get<std::string>();
    }
    EXPECT_EQ(names_.size(), 2U);
    for (const auto& [host, cluster] : clusters()) sql(*cluster, "INSERT INTO journal VALUES (1), (2)");
    for (const auto& [host, name] : names_) EXPECT_TRUE(fleet_.covered(name, clock_.now()));
    for (const auto& [host, cluster] : clusters()) sql(*cluster, "CREATE TABLE only_in_the_old_one (id int)");
    for (const auto& [host, name] : names_) EXPECT_TRUE(fleet_.covered(name, clock_.now()));
  }
  std::vector<std::pair<std::string, const PostgresCluster*>> clusters() const {
    return {{"orders-host", &orders_}, {"events-host", &events_}};
  }
  static void sql(const PostgresCluster& cluster, const std::string& statement) {
    EXPECT_THAT(cluster.sql(statement), Succeeded()) << statement;
  }
  std::vector<std::string> names() const { return {names_.at("orders-host"), names_.at("events-host")}; }
  bool set_aside() const {
    return any_beside(orders_.root(), ".holdfast-before-") || any_beside(events_.root(), ".holdfast-before-");
  }
  void expect_sound(const PostgresCluster& cluster) const {
    ASSERT_THAT(cluster.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    EXPECT_EQ(cluster.sql("SELECT count(*) FROM journal").value_or(""), "2");
    EXPECT_EQ(cluster.sql("SELECT count(*) FROM ballast").value_or(""), "60000");
  }
  // Each of them says what became of it, and it is so.
  void expect_the_truth(const nlohmann::json& restore) const {
    std::size_t complete = 0;
    for (const auto& [host, cluster] : clusters()) {
      const auto target = target_of(restore, names_.at(host));
      SCOPED_TRACE(target.dump());
      const bool aside = any_beside(cluster->root(), ".holdfast-before-");
      if (target["state"] == "complete") {
        ++complete;
        EXPECT_TRUE(aside) << "there is a way back";
      } else {
        EXPECT_EQ(target["state"], "failed");
        EXPECT_NE(target["error"].get<std::string>().find("the agent stopped unexpectedly"), std::string::npos);
        EXPECT_FALSE(aside) << "the old directory is in its place again";
      }
      expect_sound(*cluster);
    }
    EXPECT_EQ(restore["state"], complete == 2 ? "complete" : complete == 1 ? "partial" : "failed");
  }
  void expect_that_it_can_be_run_again() {
    for (const auto& name : names()) ASSERT_TRUE(fleet_.covered(name, clock_.now())) << name;
    auto all = names();
    all.emplace_back("--latest");
    const auto again = fleet_.restore(all);
    ASSERT_EQ(again.exit_code, 0) << again.err;
    for (const auto& [host, cluster] : clusters()) expect_sound(*cluster);
  }

  PostgresCluster orders_ = PostgresCluster::started().value();
  PostgresCluster events_ = PostgresCluster::started().value();
  std::map<std::string, std::string> names_;  // of databases, by their hosts
};

TEST_F(OfClusters, TheCoordinatorsEndKeepsNoAgentFromItsPart) {
  ASSERT_EQ(begin_restore(names()).exit_code, 0);
  ASSERT_TRUE(Fleet::eventually([this] { return set_aside(); }));
  fleet_->coordinator().kill_hard();
  // Nobody is there to ask; the agents go on.
  for (const auto& [host, cluster] : clusters()) {
    EXPECT_THAT(cluster->wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded()) << host;
  }
  fleet_->start_coordinator();
  const auto restore = ended_restore();
  ASSERT_FALSE(restore.is_null());
  expect_the_truth(restore);
  EXPECT_EQ(restore["state"], "complete");
  const auto back = fleet_->cli({"restore", "rollback", restore["id"], "--yes"});
  EXPECT_EQ(back.exit_code, 0) << back.err;
  for (const auto& [host, cluster] : clusters()) {
    expect_sound(*cluster);
    EXPECT_FALSE(any_beside(cluster->root(), ".holdfast-before-"));
  }
}

TEST_F(OfClusters, TheCoordinatorIsKilledAgainAndAgain) {
  ASSERT_EQ(begin_restore(names()).exit_code, 0);
  for (int kill = 0; kill < 4; ++kill) {
    fleet_->coordinator().kill_hard();
    fleet_->start_coordinator();
  }
  const auto restore = ended_restore();
  ASSERT_FALSE(restore.is_null());
  expect_the_truth(restore);
  EXPECT_EQ(restore["state"], "complete");
}

TEST_F(OfClusters, CoordinatorAndOneAgentEndAtOnce) {
  for (const std::string moment : {"", "/global/pg_control", "/postmaster.pid"}) {
    SCOPED_TRACE("when there was " + moment);
    ASSERT_EQ(begin_restore(names()).exit_code, 0);
    ASSERT_TRUE(Fleet::eventually([this] { return any_beside(orders_.root(), ".holdfast-before-"); }));
    const Micros deadline = clock_.monotonic() + Micros(std::chrono::seconds(60));
    while (!files::exists(orders_.data_directory() + moment) && clock_.monotonic() < deadline) continue;
    fleet_->agent("orders-host").kill_hard();
    fleet_->coordinator().kill_hard();
    fleet_->start_agent("orders-host");
    fleet_->start_coordinator();
    const auto restore = ended_restore();
    ASSERT_FALSE(restore.is_null());
    EXPECT_EQ(target_of(restore, names_.at("events-host"))["state"], "complete") << restore;
    expect_the_truth(restore);
    const auto finalized = fleet_->cli({"restore", "finalize", restore["id"], "--yes"});
    EXPECT_EQ(finalized.exit_code, 0) << finalized.err;
    for (const auto& name : names()) ASSERT_TRUE(fleet_.covered(name, clock_.now())) << name;
  }
  expect_that_it_can_be_run_again();
}

class OfASqliteFile : public KilledDuringRestore {
 protected:
  OfASqliteFile() {
    files::create_directory(directory_);
    execute("CREATE TABLE t (id INTEGER PRIMARY KEY, filling BLOB)");
    execute(
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) "
        "INSERT INTO t SELECT i, randomblob(100000) FROM n");
  }
  // Closed again each time: a file that an application has open is refused for that reason.
  void execute(const char* statement) {
    auto app = SqliteConnection::open(file_, SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute(statement), Succeeded()) << statement;
  }
  std::int64_t rows() const {
    auto app = SqliteConnection::open(file_, SqliteOpen::read_only, std::chrono::seconds(5)).value();
    auto check = app.prepare("PRAGMA integrity_check").value();
    EXPECT_TRUE(check.step().value());
    EXPECT_EQ(check.text(0), "ok");
    auto count = app.prepare("SELECT count(*) FROM t").value();
    EXPECT_TRUE(count.step().value());
    return count.integer(0);
  }

  const std::string directory_ = fleet_->path("files");
  const std::string file_ = directory_ + "/app.data";
};

TEST_F(OfASqliteFile, TheFileIsTheOldOneOrTheNewOneAndItIsSaidWhich) {
  fleet_.add_host("files-host", {directory_});
  const std::string database = fleet_.protected_database();
  ASSERT_NE(database, "");
  for (const std::string moment : {".holdfast-tmp-restore-", "app.data.holdfast-before-"}) {
    SCOPED_TRACE("when there was " + moment);
    execute("INSERT INTO t (filling) VALUES ('only in the old one')");
    ASSERT_EQ(rows(), 1001);
    ASSERT_EQ(begin_restore({database}).exit_code, 0);
    const Micros deadline = clock_.monotonic() + Micros(std::chrono::seconds(60));
    while (!any_beside(directory_, moment) && clock_.monotonic() < deadline) continue;
    fleet_->agent("files-host").kill_hard();
    fleet_->start_agent("files-host");
    const auto restore = ended_restore();
    ASSERT_FALSE(restore.is_null());
    const auto target = target_of(restore, database);
    const bool complete = target["state"] == "complete";
    EXPECT_EQ(restore["state"], complete ? "complete" : "failed") << restore;
    EXPECT_EQ(rows(), complete ? 1000 : 1001) << restore;
    EXPECT_EQ(any_beside(directory_, ".holdfast-before-"), complete) << restore;
    EXPECT_FALSE(any_beside(directory_, ".holdfast-tmp-")) << "what was written so far takes space for ever";
    if (!complete) {
      EXPECT_NE(target["error"].get<std::string>().find("the agent stopped unexpectedly"), std::string::npos);
    }
    const auto again = fleet_.restore({database, "--latest"});
    ASSERT_EQ(again.exit_code, 0) << again.err;
    EXPECT_EQ(rows(), 1000);
    for (const auto& one : fleet_.list("restore")) {
      fleet_->cli({"restore", "finalize", one["id"], "--yes"});
    }
  }
}

}  // namespace
}  // namespace holdfast
