// An agent that is not root but the database's own user.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class OwnUser : public Outage {
 protected:
  void give_away(const std::string& path) const {
    ASSERT_EQ(::chown(path.c_str(), cluster_->owner().uid, cluster_->owner().gid), 0) << path;
  }
};

TEST_F(OwnUser, BacksUpAndRestores) {
  if (::geteuid() != 0) GTEST_SKIP() << "every scenario runs like this here";
  create_cluster(0);
  fleet_.add_agent(host, {cluster_->root()});
  fleet_.run_agent_as(host, cluster_->owner().name);
  std::filesystem::create_directories(fleet_.store());
  for (const auto& path : {fleet_.place(host).state, fleet_.place(host).config, fleet_.store()}) give_away(path);
  fleet_.start_agent(host, fleet_.new_token({"--label", "fleet=demo"}));
  ASSERT_FALSE(fleet_.wait_for_backup().is_null());
  database_ = items({"database", "list"})[0]["name"];
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 30; }));
  const auto again = fleet_.cli({"backup", "create", database_, "--type", "incremental"});
  EXPECT_EQ(again.exit_code, 0) << again.err;
  expect_every_acknowledged_row_after_restore();
  for (const auto& entry : std::filesystem::recursive_directory_iterator(fleet_.store())) {
    if (entry.path().string().starts_with(fleet_.store() + "/coordinator")) continue;  // its checkpoints are its own
    struct stat info {};
    ASSERT_EQ(::lstat(entry.path().c_str(), &info), 0);
    EXPECT_EQ(info.st_uid, cluster_->owner().uid) << entry.path();
  }
}

}  // namespace
}  // namespace holdfast
