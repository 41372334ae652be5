// A fleet whose only store is a bucket of a real S3 server, behind a line that can be cut.
#include <sys/stat.h>

#include <fstream>

#include "shared/store/s3/settings.h"
#include "tests/harness/s3_server.h"
#include "tests/harness/tcp_gate.h"
#include "tests/scenario/outage.h"

namespace holdfast {
namespace {

class Bucket : public Outage {
 protected:
  void SetUp() override {
    server_ = S3Server::from_environment();
    if (!server_) GTEST_SKIP() << S3Server::missing();
    line_ = std::make_unique<TcpGate>(parse_s3_endpoint(server_->settings().endpoint).value().port.value());
    write_credentials(secret());
    fleet_.start_coordinator();
    fleet_.ship_log_every_second();
  }

  void write_credentials(std::string_view secret) const {
    const auto access = server_->credentials();
    std::ofstream(credentials()) << "[default]\naws_access_key_id = " << access.access_key_id
                                 << "\naws_secret_access_key = " << secret << "\n";
    ASSERT_EQ(::chmod(credentials().c_str(), 0600), 0);
  }
  std::string secret() const { return std::string(as_text(server_->credentials().secret_access_key.bytes())); }
  std::string credentials() const { return fleet_.path("s3.keys"); }
  std::string endpoint() const { return "http://127.0.0.1:" + std::to_string(line_->port()); }
  CliResult add_store() const {
    return fleet_.cli({"store", "add", "far", "s3", "--endpoint", endpoint(), "--bucket", server_->settings().bucket,
                       "--prefix", prefix_, "--credentials", credentials()});
  }
  // Past the line, so that it works when that is cut.
  std::vector<ObjectInfo> objects(const std::string& below) const {
    S3Settings settings = server_->settings();
    settings.prefix = prefix_;
    const auto store = S3Store::open(settings, server_->parts());
    return store.value()->list(below).value();
  }

  std::unique_ptr<S3Server> server_;
  std::unique_ptr<TcpGate> line_;
  const std::string prefix_ = "fleet-" + std::to_string(SystemClock().now().micros());
};

TEST_F(Bucket, TakesBackupsAndLogAndGivesAMomentBack) {
  const auto added = add_store();
  ASSERT_EQ(added.exit_code, 0) << added.err;
  const auto store = items({"store", "list"}).at(0);
  EXPECT_EQ(store["state"], "ok") << store;
  EXPECT_EQ(store["kind"], "s3");
  EXPECT_TRUE(store["capabilities"]["conditionalPut"].is_boolean()) << store;
  create_cluster(40);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 100; }));
  expect_every_acknowledged_row_after_restore();
  const std::string newest = complete_backups().back()["id"];
  const auto verified = fleet_.cli({"backup", "verify", newest, "--recovery-key", fleet_.recovery_key()});
  EXPECT_EQ(verified.exit_code, 0) << verified.err;

  // Only the bucket and the recovery key, as on the worst day.
  const std::string place = "s3://" + server_->settings().bucket + "/" + prefix_ + "?endpoint=" + endpoint() +
                            "&credentials=" + credentials();
  const std::string copy = cluster_->root() + "/from-the-bucket";
  auto glass = ChildProcess::start({Fleet::binary("holdfast-agent"), "restore", "--repository", place, "--recovery-key",
                                    fleet_.recovery_key(), "--target-directory", copy, "--no-start", "--latest"},
                                   fleet_.path("glass"));
  ASSERT_EQ(glass.wait(), 0) << std::ifstream(fleet_.path("glass")).rdbuf();
  auto again = PostgresCluster::adopt(copy).value();
  ASSERT_THAT(again.start(), Succeeded());
  ASSERT_THAT(again.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
  EXPECT_GT(std::stoi(again.sql("SELECT count(*) FROM journal").value_or("0")), 100);
  EXPECT_THAT(again.stop(), Succeeded());
}

TEST_F(Bucket, ThatIsOutOfReachForAWhileLosesNothing) {
  ASSERT_EQ(add_store().exit_code, 0);
  create_cluster(0);
  protect();
  start_writes();
  ASSERT_TRUE(Fleet::eventually([&] { return writes_->count() > 50; }));
  line_->close();
  const Timestamp cut = clock_.now();
  const std::size_t then = writes_->count();
  ASSERT_TRUE(
      Fleet::eventually([&] { return writes_->count() > then + 100 && clock_.now() - cut > std::chrono::seconds(8); }));
  EXPECT_LT(recoverable_through(), clock_.now()) << "nothing is claimed that is not there";
  line_->open();
  EXPECT_TRUE(covered(clock_.now())) << fleet_.logs();
  EXPECT_TRUE(gaps().empty()) << gaps();
  expect_every_acknowledged_row_after_restore();
}

TEST_F(Bucket, WithWrongCredentialsSaysSoAndWorksOnceTheyAreRight) {
  write_credentials("not-the-secret");
  const auto added = add_store();
  EXPECT_EQ(added.exit_code, 1) << added.out;
  EXPECT_NE(added.err.find("SignatureDoesNotMatch"), std::string::npos) << added.err;
  EXPECT_EQ(added.err.find("not-the-secret"), std::string::npos) << added.err;
  EXPECT_TRUE(status_says("SignatureDoesNotMatch"));
  write_credentials(secret());
  create_cluster(0);
  protect();
  const auto checked = fleet_.cli({"store", "check", "far"});
  EXPECT_EQ(checked.exit_code, 0) << checked.err;
  EXPECT_TRUE(Fleet::eventually([&] { return items({"store", "list"}).at(0)["state"] == "ok"; }));
  EXPECT_EQ(fleet_.logs().find(secret()), std::string::npos);
}

TEST_F(Bucket, GivesUpWhatRetentionReleases) {
  ASSERT_EQ(add_store().exit_code, 0);
  create_cluster(0);
  protect();
  const std::string first = complete_backups().front()["id"];
  const std::string database = complete_backups().front()["database"];
  const std::string database_id = items({"database", "list"}).at(0)["id"];
  ASSERT_FALSE(objects(database_id + "/backups/" + first + "/").empty());
  apply_policy("full: \"@yearly\"", "retention: {max_backups: 1}\n");
  ASSERT_EQ(fleet_.cli({"backup", "create", database}).exit_code, 0);
  const auto run = fleet_.cli({"retention", "run", database, "--yes"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_TRUE(Fleet::eventually([&] { return complete_backups().size() == 1; }));
  EXPECT_TRUE(Fleet::eventually([&] {
    const auto left = objects(database_id + "/backups/" + first + "/");
    return left.size() <= 1;  // the mark may stay
  })) << fleet_.logs();
  const std::string second = complete_backups().front()["id"];
  EXPECT_EQ(fleet_.cli({"backup", "verify", second}).exit_code, 0);
}

}  // namespace
}  // namespace holdfast
