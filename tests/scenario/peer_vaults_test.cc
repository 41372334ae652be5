// Three hosts that keep each other's backups, and nothing else does: one of them is lost with its vault, the
// coordinator is away, somebody has a host's state and keys.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "agent/protection/peer_stores.h"
#include "agent/state/node_keys.h"
#include "agent/state/state.h"
#include "shared/os/clock.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "tests/harness/acknowledged_writes.h"
#include "tests/harness/fleet.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class PeerVaults : public testing::Test {
 protected:
  PeerVaults() {
    fleet_.start_coordinator();
    apply_policy();
    EXPECT_THAT(orders_.sql("CREATE TABLE journal (id bigint PRIMARY KEY)"), Succeeded());
    token_ = fleet_.new_token({"--uses", "3"});
    for (const char* name : {"orders-host", "left", "right"}) add_host(name);
    // Its own vault last: alone, it would be better than none.
    for (const char* name : {"left", "right", "orders-host"}) {
      const auto added = fleet_.cli({"store", "add", std::string("on-") + name, "peer", "--node", name, "--path",
                                     vault(name), "--quota", "10GB"});
      EXPECT_EQ(added.exit_code, 0) << added.err;
    }
  }
  void apply_policy() {
    const std::string file = fleet_.path("policy.yaml");
    std::ofstream(file) << "apiVersion: holdfast/v1\nkind: Policy\nname: default\nsplay: 1h\nwal: {rpo: 1s}\n"
                           "schedule: {full: \"* * * * *\"}\ncopies: {want: 2, min: 1}\n";
    const auto applied = fleet_.cli({"policy", "apply", "-f", file});
    EXPECT_EQ(applied.exit_code, 0) << applied.err;
  }
  void add_host(const std::string& name) {
    const int port = free_port().value();
    const std::string own = fleet_.path("databases-of-" + name);
    files::create_directory(own);
    const auto& place = fleet_.add_agent(name, {name == "orders-host" ? orders_.data_directory() : own});
    std::ofstream(place.config, std::ios::app) << "vault: {bind: 127.0.0.1, port: " << port << "}\n";
    fleet_.start_agent(name, token_);
    EXPECT_TRUE(Fleet::eventually([&] { return fleet_.cli({"node", "describe", name}).exit_code == 0; }));
    const auto labelled = fleet_.cli({"node", "label", name, "vault=127.0.0.1:" + std::to_string(port)});
    EXPECT_EQ(labelled.exit_code, 0) << labelled.err;
  }
  std::string vault(const std::string& host) const { return fleet_.path("vault-of-" + host); }
  // Objects of this kind in the vault of a host.
  int objects(const std::string& host, const std::string& part) const {
    if (!files::exists(vault(host))) return 0;
    int count = 0;
    for (const auto& entry : files::recursive_directory_iterator(vault(host))) {
      count += entry.is_regular_file() && entry.path().string().find(part) != std::string::npos ? 1 : 0;
    }
    return count;
  }
  // Its name, when both other vaults have a whole backup.
  std::string protected_database() const {
    const auto backup = fleet_.wait_for_backup({}, 120);
    if (backup.is_null()) return {};
    const bool both =
        Fleet::eventually([&] { return objects("left", "/record") > 0 && objects("right", "/record") > 0; }, 150);
    return both ? backup["database"].get<std::string>() : std::string();
  }
  // Names and sizes of all objects in the vault of a host.
  std::map<std::string, std::uintmax_t> content(const std::string& host) const {
    std::map<std::string, std::uintmax_t> out;
    if (!files::exists(vault(host))) return out;
    for (const auto& entry : files::recursive_directory_iterator(vault(host))) {
      const std::string name = entry.path().lexically_relative(vault(host)).string();
      if (entry.is_regular_file() && !name.starts_with(".holdfast-")) out.emplace(name, entry.file_size());
    }
    return out;
  }
  bool covered(const std::string& database, Timestamp moment) const {
    return Fleet::eventually(
        [&] {
          const auto windows =
              fleet_.cli({"window", "list", database, "-o", "json"}).json().value("items", nlohmann::json::array());
          if (windows.empty() || !windows[0]["to"].is_string()) return false;
          const auto to = parse_time(windows[0]["to"].get<std::string>());
          return to.has_value() && *to >= moment;
        },
        120);
  }
  void start_writes() {
    writes_ = std::make_unique<AcknowledgedWrites>([this](std::int64_t id) {
      return orders_.sql("INSERT INTO journal VALUES (" + std::to_string(id) + ")").has_value();
    });
  }
  void expect_all_writes_in(const PostgresCluster& server) const {
    const auto count = server.sql("SELECT count(*) FROM journal");
    EXPECT_EQ(count.value_or("no answer"), std::to_string(writes_->count()));
  }
  // The host and all that was on it.
  void destroy_orders_host() {
    fleet_.agent("orders-host").kill_hard();
    files::remove_all(fleet_.place("orders-host").state);
    EXPECT_THAT(orders_.kill_hard(), Succeeded());
    files::remove_all(orders_.data_directory());
    files::remove_all(vault("orders-host"));
  }

  PostgresCluster orders_ = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  Fleet fleet_;
  SystemClock clock_;
  std::string token_;
  std::unique_ptr<AcknowledgedWrites> writes_;
};

TEST_F(PeerVaults, BringADatabaseBackWhoseHostAndVaultAreGone) {
  const std::string database = protected_database();
  ASSERT_FALSE(database.empty());
  EXPECT_EQ(objects("orders-host", "/backups/"), 0) << "its own vault is no copy elsewhere";

  // The log and the schedule go on without the coordinator.
  fleet_.coordinator().kill_hard();
  const int records = objects("left", "/record");
  const int log = objects("left", "/wal/");
  start_writes();
  EXPECT_TRUE(Fleet::eventually([&] { return objects("left", "/wal/") > log && objects("right", "/wal/") > log; }));
  EXPECT_TRUE(Fleet::eventually([&] { return objects("left", "/record") > records; }, 120));
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 40; }));
  writes_->stop();
  const Timestamp moment = clock_.now();
  fleet_.start_coordinator();
  ASSERT_TRUE(covered(database, moment));

  destroy_orders_host();
  const std::string place = orders_.root() + "/again";
  const auto restored =
      fleet_.cli({"restore", "run", database, "--target-node", "left", "--target-directory", place, "--to-time",
                  to_rfc3339(moment), "--no-start", "--yes", "-o", "json", "--recovery-key", fleet_.recovery_key()});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  auto server = PostgresCluster::adopt(place).value();
  ASSERT_THAT(server.start(), Succeeded());
  ASSERT_THAT(server.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
  expect_all_writes_in(server);
  EXPECT_THAT(server.stop(), Succeeded());
}

TEST_F(PeerVaults, AreDirectoriesThatBreakGlassReads) {
  const std::string database = protected_database();
  ASSERT_FALSE(database.empty());
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 40; }));
  writes_->stop();
  ASSERT_TRUE(covered(database, clock_.now()));
  for (const char* name : {"left", "right"}) fleet_.agent(name).kill_hard();
  fleet_.coordinator().kill_hard();
  destroy_orders_host();

  const std::string copied = fleet_.path("copied");
  files::copy(vault("right"), copied, files::copy_options::recursive);
  const std::string place = orders_.root() + "/again";
  auto restore =
      ChildProcess::start({Fleet::binary("holdfast-agent"), "restore", "--repository", copied, "--recovery-key",
                           fleet_.recovery_key(), "--latest", "--no-start", "--target-directory", place},
                          fleet_.path("restore.log"));
  ASSERT_EQ(restore.wait(), 0);
  auto server = PostgresCluster::adopt(place).value();
  ASSERT_THAT(server.start(), Succeeded());
  ASSERT_THAT(server.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
  expect_all_writes_in(server);
  EXPECT_THAT(server.stop(), Succeeded());
}

TEST_F(PeerVaults, GiveAStolenStateDirectoryNothing) {
  ASSERT_FALSE(protected_database().empty());
  SystemEntropy entropy;
  PosixFileSystem disk;
  const std::string& state_directory = fleet_.place("orders-host").state;
  const auto keys = load_or_make_node_keys(disk, entropy, state_directory + "/node.key").value();
  const auto assignment = AgentState::open_to_read(state_directory).value()->assignment().value().value();
  ASSERT_EQ(assignment.stores.size(), 3U);

  ZmqContext context;
  PeerStores stolen(context, clock_, keys.curve);
  for (const StoreInfo& info : assignment.stores) {
    SCOPED_TRACE(info.name);
    ASSERT_FALSE(info.peer.grant.empty());
    const auto store = stolen.open(info).value();
    ASSERT_THAT(store->space(), Succeeded()) << "it must answer, or this says nothing";
    EXPECT_THAT(store->list(""), FailedWith(Code::denied));
    EXPECT_THAT(store->put("00000000000000000000000000000000/wal/1", as_bytes("x")), FailedWith(Code::denied));
    const std::string host = info.name.substr(std::string_view("on-").size());
    const auto before = content(host);
    if (host != "orders-host") {
      ASSERT_GT(before.size(), 5U);
    }
    for (const auto& [name, size] : before) {
      EXPECT_THAT(store->remove(name), FailedWith(Code::denied)) << name;
      EXPECT_FALSE(store->put(name, as_bytes("not what was there"))) << name;
      const bool log = name.find("/wal/") != std::string::npos;
      const bool record = name.ends_with("/record");
      if (!log && !record) {
        EXPECT_THAT(store->get(name), FailedWith(Code::denied)) << name;
      }
    }
    // The agents go on writing meanwhile; what was there is there as it was.
    const auto after = content(host);
    for (const auto& [name, size] : before) {
      ASSERT_TRUE(after.contains(name)) << name;
      EXPECT_EQ(after.at(name), size) << name;
    }
  }
  // With the keys of another host, what was stolen here is of no use at all.
  const auto other = load_or_make_node_keys(disk, entropy, fleet_.place("left").state + "/node.key").value();
  PeerStores misused(context, clock_, other.curve);
  for (const StoreInfo& info : assignment.stores) {
    EXPECT_THAT(misused.open(info).value()->space(), FailedWith(Code::denied));
  }
}

}  // namespace
}  // namespace holdfast
