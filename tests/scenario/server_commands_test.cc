// Commands that the agent's configuration gives for one data directory are used whenever its server is stopped or
// started, also to put back what was there, and never for a copy elsewhere.
#include <unistd.h>

#include <fstream>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class ServerCommands : public Outage {
 protected:
  std::string command(const std::string& verb) const {
    const std::string as = ::geteuid() == 0 ? "runuser -u " + cluster_->owner().name + " -- " : std::string();
    return "echo " + verb + " >> " + said() + " && " + as + cluster_->binary("pg_ctl") + " " + verb + " -w -D " +
           cluster_->data_directory() + " -l " + cluster_->root() + "/commands.log";
  }
  std::string said() const { return fleet_.path("commands-said"); }
  std::string used() const {
    std::ifstream in(said());
    std::string all;
    for (std::string word; in >> word;) all += word + " ";
    return all;
  }
  void configure() {
    std::ofstream(fleet_.place(host).config, std::ios::app)
        << "postgres:\n  servers:\n    - data_directory: " << cluster_->data_directory()
        << "\n      start_command: " << command("start") << "\n      stop_command: " << command("stop -m fast") << "\n";
  }
};

TEST_F(ServerCommands, AreUsedForTheirDirectoryInRestoreAndRollbackAndNotForACopy) {
  create_cluster(0);
  protect();
  fleet_.agent(host).stop();
  configure();
  restart_agent();
  ASSERT_THAT(cluster_->sql("INSERT INTO journal VALUES (1)"), Succeeded());
  ASSERT_TRUE(covered(clock_.now()));
  const auto restored = restore({"--latest", "-o", "json"});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_EQ(used(), "stop -m fast start ");
  const auto back = fleet_.cli({"restore", "rollback", restored.json()["id"], "--yes"});
  ASSERT_EQ(back.exit_code, 0) << back.err;
  EXPECT_EQ(used(), "stop -m fast start stop -m fast start ");
  ASSERT_THAT(cluster_->wait_for("SELECT count(*) FROM journal", "1"), Succeeded());

  ASSERT_THAT(cluster_->stop(), Succeeded());
  const std::string copy = cluster_->root() + "/copy";
  const auto elsewhere = restore({"--latest", "--target-directory", copy});
  ASSERT_EQ(elsewhere.exit_code, 0) << elsewhere.err;
  EXPECT_EQ(used(), "stop -m fast start stop -m fast start ");
  auto taken = PostgresCluster::adopt(copy);
  ASSERT_THAT(taken, Succeeded());
  EXPECT_THAT(taken->stop(), Succeeded());
}

}  // namespace
}  // namespace holdfast
