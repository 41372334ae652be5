// A fleet whose only store is a bucket of a real S3 server, and whose host has no access key there.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "agent/state/state.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/store/opening/presigned_s3.h"
#include "tests/harness/s3_server.h"
#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class PresignedBucket : public Outage {
 protected:
  void SetUp() override {
    server_ = S3Server::from_environment();
    if (!server_) GTEST_SKIP() << S3Server::missing();
    const auto access = server_->credentials();
    std::ofstream(credentials()) << "aws_access_key_id = " << access.access_key_id
                                 << "\naws_secret_access_key = " << secret() << "\n";
    ASSERT_EQ(::chmod(credentials().c_str(), 0600), 0);
    fleet_.start_coordinator();
    fleet_.ship_log_every_second();
  }
  std::string secret() const { return std::string(as_text(server_->credentials().secret_access_key.bytes())); }
  std::string credentials() const { return fleet_.path("coordinators-own.keys"); }
  CliResult add_store() const {
    return fleet_.cli({"store", "add", "far", "s3", "--endpoint", server_->settings().endpoint, "--bucket",
                       server_->settings().bucket, "--prefix", prefix_, "--credentials", "presigned",
                       "--coordinator-credentials", credentials()});
  }
  std::unique_ptr<S3Store> owners() const {
    S3Settings settings = server_->settings();
    settings.prefix = prefix_;
    return std::move(S3Store::open(settings, server_->parts()).value());
  }
  std::size_t stored() const { return owners()->list("").value().size(); }
  std::string database_id() const { return items({"database", "list"}).at(0)["id"]; }
  // What a thief of the host finds there.
  std::vector<KeptPass> passes_on_the_host() const {
    return AgentState::open_to_read(fleet_.place(host).state).value()->passes().value();
  }
  // Whatever it wants to do, it has this one pass for it.
  std::shared_ptr<Store> bucket_of_thief(const BucketPass& pass) {
    S3Place place;
    place.endpoint = server_->settings().endpoint;
    place.bucket = server_->settings().bucket;
    place.prefix = prefix_;
    place.hosts = S3Place::Hosts::presigned;
    const AskForPass ask = [pass](const BucketWish& wish, PassAge) -> Result<BucketPass> {
      if (wish.kind != BucketWish::Kind::put) return fail(Code::unavailable, "the coordinator is away");
      return pass;
    };
    return open_presigned_s3(place, {files_, clock_, entropy_}, {ask, [](const std::string&) { return true; }}).value();
  }

  std::unique_ptr<S3Server> server_;
  PosixFileSystem files_;
  SystemEntropy entropy_;
  const std::string prefix_ = "fleet-" + std::to_string(SystemClock().now().micros());
};

TEST_F(PresignedBucket, TakesBackupsAndLogOfAHostWithoutAKeyAlsoWhileTheCoordinatorIsAway) {
  const auto added = add_store();
  ASSERT_EQ(added.exit_code, 0) << added.err;
  EXPECT_NE(added.err.find("a stolen one could replace what it wrote itself"), std::string::npos) << added.err;
  const auto store = items({"store", "list"}).at(0);
  EXPECT_EQ(store["state"], "ok") << store;
  EXPECT_EQ(store["s3"]["credentials"], "presigned");
  create_cluster(40);
  protect();
  const auto checked = fleet_.cli({"store", "check", "far"});
  EXPECT_EQ(checked.exit_code, 0) << checked.err << fleet_.logs();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 100; }));

  kill_coordinator();
  const std::size_t before = stored();
  ASSERT_TRUE(Fleet::eventually([&] { return stored() >= before + 5; })) << fleet_.logs();
  const Timestamp while_away = clock_.now();
  fleet_.start_coordinator();
  EXPECT_TRUE(covered(while_away)) << fleet_.logs();
  EXPECT_TRUE(gaps().empty()) << gaps();
  expect_every_acknowledged_row_after_restore();
  const std::string newest = complete_backups().back()["id"];
  const auto verified = fleet_.cli({"backup", "verify", newest, "--recovery-key", fleet_.recovery_key()});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
}

TEST_F(PresignedBucket, GivesAStolenHostNoMoreThanItsOwnNames) {
  ASSERT_EQ(add_store().exit_code, 0);
  create_cluster(0);
  protect();
  const std::string own = database_id() + "/";
  const auto passes = passes_on_the_host();
  ASSERT_EQ(passes.size(), 2U);
  const auto own_pass = std::ranges::find(passes, own, &KeptPass::scope);
  ASSERT_NE(own_pass, passes.end());
  for (const auto& entry : std::filesystem::recursive_directory_iterator(fleet_.place(host).state)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    const std::string content((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
    EXPECT_EQ(content.find(secret()), std::string::npos) << entry.path();
    EXPECT_EQ(content.find(credentials()), std::string::npos) << entry.path();
  }

  const auto thief = bucket_of_thief(own_pass->pass);
  const auto before = owners()->list("").value();
  EXPECT_THAT(thief->put("00000000000000000000000000000000/wal/x", as_bytes("x")), FailedWith(Code::denied));
  EXPECT_THAT(thief->put(database_id() + "x/wal/x", as_bytes("x")), FailedWith(Code::denied));
  EXPECT_THAT(thief->put("fleet.record", as_bytes("x")), FailedWith(Code::denied));
  for (const ObjectInfo& object : before) EXPECT_FALSE(thief->remove(object.name)) << object.name;

  // The same with the bare tools of a thief: no signature that is there fits a removal.
  const std::string victim =
      server_->settings().endpoint + "/" + server_->settings().bucket + "/" + prefix_ + "/" + before.front().name;
  auto curl = ChildProcess::start({"curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-X", "DELETE", victim},
                                  fleet_.path("curl"));
  EXPECT_EQ(curl.wait(), 0);
  std::string status;
  std::ifstream(fleet_.path("curl")) >> status;
  EXPECT_EQ(status, "403");
  EXPECT_EQ(owners()->list("").value().size() >= before.size(), true);
  for (const ObjectInfo& object : before) EXPECT_TRUE(owners()->stat(object.name).value()) << object.name;
}

TEST_F(PresignedBucket, WaitsAfterARestartOfTheHostUntilTheCoordinatorIsBackAndLosesNothing) {
  ASSERT_EQ(add_store().exit_code, 0);
  create_cluster(0);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 30; }));
  kill_coordinator();
  fleet_.agent(host).kill_hard();
  restart_agent();
  const std::size_t then = writes_->count();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > then + 100; }));
  const Timestamp while_away = clock_.now();
  fleet_.start_coordinator();
  EXPECT_TRUE(covered(while_away)) << fleet_.logs();
  EXPECT_TRUE(gaps().empty()) << gaps();
  expect_every_acknowledged_row_after_restore();
}

}  // namespace
}  // namespace holdfast
