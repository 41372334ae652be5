// The coordinator's directory is gone. The stores and the recovery key bring it back; its agents never notice more than
// that it was away.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/coordinator_loss.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class LostCoordinator : public CoordinatorLoss {
 protected:
  Said rebuild() { return CoordinatorLoss::rebuild({fleet_store_}); }
  std::vector<std::string> checkpoints() const {
    std::vector<std::string> names;
    const std::string directory = fleet_store_ + "/coordinator";
    if (!files::exists(directory)) return names;
    for (const auto& entry : files::directory_iterator(directory)) names.push_back(entry.path().string());
    std::ranges::sort(names);
    return names;
  }
  void wait_for_checkpoint() {
    wait_for_checkpoints([&] { return newest_checkpoint_in(fleet_store_); });
  }
  // The first who writes into a store makes it one.
  void protect_a_file() {
    write_a_file();
    fleet_.add_host("files-host", {directory_});
    ASSERT_FALSE(fleet_.protected_database().empty());
  }
  void write_a_file() const {
    files::create_directory(directory_);
    auto app = SqliteConnection::open(directory_ + "/app.data", SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)"), Succeeded());
  }

  PostgresCluster orders_ = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  const std::string fleet_store_ = fleet_->store();
};

TEST_F(LostCoordinator, ComesBackFromTheStoresAndItsAgentsGoOnWithoutEnrollingAgain) {
  SystemClock clock;
  write_a_file();
  fleet_.add_host("pg-host", {orders_.root()});
  fleet_.add_host("files-host", {directory_});
  ASSERT_TRUE(Fleet::eventually([&] { return complete_backups().size() == 2; }));
  std::string postgres;
  for (const auto& database : fleet_.list("database")) {
    if (database["engine"] == "postgres") postgres = database["name"];
  }
  std::string held;
  for (const auto& backup : fleet_.list("backup", {postgres})) held = backup["id"];
  ASSERT_EQ(fleet_->cli({"backup", "keep", held}).exit_code, 0);
  const std::string policy = fleet_->path("rare.yaml");
  std::ofstream(policy) << "apiVersion: holdfast/v1\nkind: Policy\nname: rare\nmatch: {env: nowhere}\n";
  ASSERT_EQ(fleet_->cli({"policy", "apply", "-f", policy}).exit_code, 0);
  ASSERT_THAT(orders_.sql("CREATE TABLE journal AS SELECT g AS id FROM generate_series(1, 3) g"), Succeeded());
  const Timestamp moment = clock.now();
  ASSERT_THAT(orders_.sql("DROP TABLE journal; CREATE TABLE journal AS SELECT 'too late' AS id"), Succeeded());
  ASSERT_TRUE(fleet_.covered(postgres, clock.now()));
  EXPECT_EQ(check().exit_code, 0) << check().text << "beside the running coordinator";
  std::vector<std::string> tokens;
  for (const auto& token : fleet_.list("token")) tokens.push_back(token["id"]);
  wait_for_checkpoint();
  const auto nodes = fleet_.list("node");
  // After the checkpoint: only the stores know of it.
  const auto later = fleet_->cli({"backup", "create", postgres});
  ASSERT_EQ(later.exit_code, 0) << later.err;

  lose_the_coordinator();
  ASSERT_THAT(orders_.sql("CREATE TABLE meanwhile AS SELECT 7 AS id"), Succeeded());
  const auto rebuilt = rebuild();
  ASSERT_EQ(rebuilt.exit_code, 0) << rebuilt.text;
  EXPECT_NE(rebuilt.text.find("2 databases, 3 backups, 2 nodes"), std::string::npos) << rebuilt.text;
  EXPECT_EQ(rebuild().exit_code, 6) << "it is there again and is not overwritten";
  fleet_->start_coordinator();

  ASSERT_TRUE(Fleet::eventually([&] {
    return fleet_.node("pg-host").value("state", "") == "active" &&
           fleet_.node("files-host").value("state", "") == "active";
  })) << "the same processes, with nothing but what they knew";
  EXPECT_EQ(fleet_.list("node").size(), nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) EXPECT_EQ(fleet_.list("node")[i]["id"], nodes[i]["id"]);
  EXPECT_EQ(fleet_.list("node")[0]["labels"], nodes[0]["labels"]);
  for (const auto& id : tokens) {
    EXPECT_TRUE(std::ranges::any_of(fleet_.list("token"), [&](const auto& token) { return token["id"] == id; })) << id;
  }
  EXPECT_EQ(fleet_.list("policy").size(), 2U);
  EXPECT_EQ(fleet_.list("store").size(), 1U);
  EXPECT_EQ(complete_backups().size(), 3U);
  for (const auto& backup : fleet_.list("backup", {postgres})) EXPECT_EQ(backup["keep"], backup["id"] == held);

  ASSERT_TRUE(fleet_.covered(postgres, clock.now())) << "log goes on";
  const auto another = fleet_->cli({"backup", "create", postgres});
  ASSERT_EQ(another.exit_code, 0) << another.err;
  EXPECT_EQ(fleet_.list("database").size(), 2U) << "no database was found anew";
  const auto restored = fleet_.restore({postgres, "--to-time", to_rfc3339(moment)});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_EQ(orders_.sql("SELECT string_agg(id::text, ',') FROM journal").value_or("no answer"), "1,2,3");
  EXPECT_EQ(check().exit_code, 0) << check().text;
}

TEST_F(LostCoordinator, PassesOverCheckpointsThatAreDamagedOrForged) {
  protect_a_file();
  wait_for_checkpoint();
  lose_the_coordinator();
  const auto names = checkpoints();
  ASSERT_GE(names.size(), 2U);
  files::resize_file(names.back(), files::file_size(names.back()) / 2);
  write_file(fleet_store_ + "/coordinator/ffffffffffffffff-0000000000000001.checkpoint", "planted");
  files::copy_file(names.front(), fleet_store_ + "/coordinator/fffffffffffffffe-0000000000000001.checkpoint");
  const auto rebuilt = rebuild();
  ASSERT_EQ(rebuilt.exit_code, 0) << rebuilt.text;
  for (const char* refused : {"ffffffffffffffff-", "fffffffffffffffe-"}) {
    EXPECT_NE(rebuilt.text.find(refused), std::string::npos) << rebuilt.text;
  }
  EXPECT_NE(rebuilt.text.find(files::path(names.back()).filename().string()), std::string::npos) << rebuilt.text;
  fleet_->start_coordinator();
  EXPECT_EQ(fleet_.list("store").size(), 1U);
}

TEST_F(LostCoordinator, NeedsThisFleetsRecoveryKeyAndAStoreWithACheckpoint) {
  protect_a_file();
  wait_for_checkpoint();
  lose_the_coordinator();
  const Fleet other;
  const auto foreign = run_coordinator_tool(
      {"catalog", "rebuild", "--state", state_, "--from", fleet_store_, "--recovery-key", other.recovery_key()});
  EXPECT_EQ(foreign.exit_code, 5) << foreign.text;
  files::remove_all(fleet_store_ + "/coordinator");
  const auto none = rebuild();
  EXPECT_EQ(none.exit_code, 8) << none.text;
  EXPECT_NE(none.text.find("holdfast-agent restore"), std::string::npos) << "the hint: " << none.text;
  const auto nowhere = run_coordinator_tool({"catalog", "rebuild", "--state", state_, "--from", fleet_->path("nothing"),
                                             "--recovery-key", fleet_->recovery_key()});
  EXPECT_NE(nowhere.exit_code, 0);
  EXPECT_FALSE(files::exists(state_));
  EXPECT_FALSE(files::exists(state_ + ".unfinished"));
}

TEST_F(LostCoordinator, CheckNamesWhatTheStoreLost) {
  fleet_.add_host("pg-host", {orders_.root()});
  const std::string database = fleet_.protected_database();
  ASSERT_FALSE(database.empty());
  ASSERT_EQ(check().exit_code, 0) << check().text;
  std::string backup;
  for (const auto& one : fleet_.list("backup")) backup = one["id"];
  std::string pack;
  for (const auto& entry : files::recursive_directory_iterator(fleet_store_)) {
    if (entry.path().filename() == "pack-0000") pack = entry.path().string();
  }
  ASSERT_FALSE(pack.empty());
  files::rename(pack, fleet_->path("pack"));
  const auto gone = check();
  EXPECT_EQ(gone.exit_code, 3) << gone.text;
  EXPECT_NE(gone.text.find(backup), std::string::npos) << gone.text;
  files::rename(fleet_->path("pack"), pack);
  EXPECT_EQ(check().exit_code, 0);
  std::fstream(pack, std::ios::in | std::ios::out | std::ios::binary).seekp(200).write("damage", 6);
  EXPECT_EQ(check().exit_code, 0) << "names and sizes do not show it";
  const auto deep = run_coordinator_tool({"catalog", "check", "--state", state_, "--deep", "-o", "json"});
  EXPECT_EQ(deep.exit_code, 3) << deep.text;
  EXPECT_EQ(nlohmann::json::parse(deep.text, nullptr, false).value("kind", ""), "CatalogCheck") << deep.text;
}

}  // namespace
}  // namespace holdfast
