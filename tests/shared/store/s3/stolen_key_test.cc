// The access key of a host, stolen with its state: what it may do to a bucket whose policy gives each host its own
// databases to write, and its log and records to read again. Only a real server can show it.
#include <fmt/format.h>
#include <gmock/gmock.h>

#include <algorithm>
#include <cctype>

#include "shared/base/ids.h"
#include "shared/repository/layout.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/s3_server.h"

namespace holdfast {
namespace {

class StolenAccessKey : public testing::Test {
 protected:
  void SetUp() override {
    // A bucket of its own for each: a bucket has one policy, and they may run at the same time.
    server = S3Server::from_environment("-hosts-" + bucket_part(), {{"x-amz-bucket-object-lock-enabled", "true"}});
    if (server == nullptr) GTEST_SKIP() << S3Server::missing();
    const auto host = S3Server::host_credentials();
    if (!host) GTEST_SKIP() << "HOLDFAST_TEST_S3_HOST_ACCESS_KEY is not set: no second access key";
    settings = server->settings();
    settings.prefix = "fleet-" + std::to_string(SystemClock().now().micros());
    owner = S3Store::open(settings, server->parts()).value();
    ASSERT_THAT(owner->check(), Succeeded());
    const S3Store::Parts parts{server->parts().transport,
                               []() -> Result<S3Credentials> { return *S3Server::host_credentials(); }, clock_,
                               entropy_};
    thief = S3Store::open(settings, parts, owner->abilities()).value();
    line = std::make_unique<S3Client>(settings, parse_s3_endpoint(settings.endpoint).value(), parts.transport,
                                      parts.credentials, clock_, entropy_);
    for (const DatabaseId database : {own, others}) {
      for (const std::string& name : names_of(database)) {
        ASSERT_THAT(owner->put(name, as_bytes("what was put as " + name)), Succeeded());
      }
    }
    give_policy(host->access_key_id);
  }
  void TearDown() override {
    if (owner) server->remove_everything(*owner);
  }

  // The test's name, as far as a bucket's may have it: short, in lower case.
  static std::string bucket_part() {
    std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    name.resize(std::min<std::size_t>(name.size(), 20));
    std::ranges::transform(name, name.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return name;
  }
  std::vector<std::string> names_of(DatabaseId database) const {
    return {epoch_name(database, epoch_), pack_name(database, backup_, 0), manifest_name(database, backup_),
            record_name(database, backup_), wal_name(database, Timeline(1), Lsn(1), Lsn(2))};
  }
  // As README.md of shared/store/s3 has it.
  void give_policy(const std::string& user) {
    const std::string bucket = "arn:aws:s3:::" + settings.bucket;
    const std::string mine = settings.prefix + "/" + own.text();
    const auto statement = [&](const std::string& action, const std::string& resources, const std::string& condition) {
      return fmt::format(R"({{"Effect":"Allow","Principal":{{"AWS":["arn:aws:iam:::user/{}"]}},"Action":["{}"],)"
                         R"("Resource":[{}]{}}})",
                         user, action, resources, condition);
    };
    const std::string policy = fmt::format(
        R"({{"Version":"2012-10-17","Statement":[{},{},{}]}})",
        statement("s3:PutObject", fmt::format(R"("{}/{}/*")", bucket, mine), ""),
        statement("s3:GetObject",
                  fmt::format(R"("{0}/{1}/wal/*","{0}/{1}/epochs/*","{0}/{1}/backups/*/record")", bucket, mine), ""),
        statement("s3:ListBucket", fmt::format(R"("{}")", bucket),
                  fmt::format(R"(,"Condition":{{"StringLike":{{"s3:prefix":"{}/*"}}}})", mine)));
    const S3Store::Parts parts = server->parts();
    S3Client client(settings, parse_s3_endpoint(settings.endpoint).value(), parts.transport, parts.credentials,
                    parts.clock, parts.entropy);
    S3Request put;
    put.method = HttpMethod::put;
    put.query = {{"policy", ""}};
    put.body = as_bytes(policy);
    const auto given = client.send(put).value();
    ASSERT_TRUE(given.ok()) << S3Client::error_of(given).text();
  }
  void expect_untouched(DatabaseId database) {
    for (const std::string& name : names_of(database)) {
      EXPECT_EQ(as_text(owner->get(name).value()), "what was put as " + name);
    }
  }
  // With the stolen key and any program.
  S3Reply send(HttpMethod method, const std::string& name, std::string_view body = {},
               std::vector<QueryParameter> query = {}) {
    S3Request request;
    request.method = method;
    request.key = settings.prefix + "/" + name;
    request.query = std::move(query);
    request.body = as_bytes(body);
    return line->send(request).value();
  }

  const DatabaseId own = DatabaseId({1});
  const DatabaseId others = DatabaseId({2});
  std::unique_ptr<S3Server> server;
  S3Settings settings;
  std::unique_ptr<S3Store> owner;
  std::unique_ptr<S3Store> thief;
  std::unique_ptr<S3Client> line;

 private:
  const EpochId epoch_ = EpochId({3});
  const BackupId backup_ = BackupId({4});
  SystemClock clock_;
  SystemEntropy entropy_;
};

TEST_F(StolenAccessKey, IsEnoughForTheHostsOwnWork) {
  const std::string name = pack_name(own, BackupId({9}), 0);
  if (owner->abilities().conditional_put == Ability::yes) {
    EXPECT_THAT(thief->put(name, as_bytes("new")), Succeeded());
  } else {
    EXPECT_THAT(thief->put(name, as_bytes("new")), FailedWith(Code::denied)) << "it has to look first, and may not";
    EXPECT_TRUE(send(HttpMethod::put, name, "new").ok());
  }
  EXPECT_THAT(thief->list(database_prefix(own) + "wal/"), Succeeded());
  EXPECT_THAT(thief->get(wal_name(own, Timeline(1), Lsn(1), Lsn(2))), Succeeded());
  EXPECT_THAT(thief->get(record_name(own, BackupId({4}))), Succeeded());
}

TEST_F(StolenAccessKey, GetsNothingOfOthers) {
  EXPECT_THAT(thief->list(""), FailedWith(Code::denied));
  EXPECT_THAT(thief->list(database_prefix(others)), FailedWith(Code::denied));
  EXPECT_THAT(thief->list_parts(""), FailedWith(Code::denied));
  for (const std::string& name : names_of(others)) {
    EXPECT_THAT(thief->get(name), FailedWith(Code::denied)) << name;
    EXPECT_THAT(thief->get_range(name, 0, 1), FailedWith(Code::denied)) << name;
    EXPECT_THAT(thief->stat(name), FailedWith(Code::denied)) << name;
    EXPECT_THAT(thief->put(name, as_bytes("other")), FailedWith(Code::denied)) << name;
    EXPECT_THAT(thief->remove(name), FailedWith(Code::denied)) << name;
    EXPECT_TRUE(send(HttpMethod::put, name, "other").refused_with("AccessDenied")) << name;
  }
  EXPECT_THAT(thief->put(pack_name(others, BackupId({9}), 0), as_bytes("new")), FailedWith(Code::denied));
  EXPECT_THAT(thief->put("coordinator/ffffffffffffffff-0000000000000001.checkpoint", as_bytes("planted")),
              FailedWith(Code::denied));
  expect_untouched(others);
}

TEST_F(StolenAccessKey, ReadsNoContentOfItsOwnBackupsAndRemovesNothing) {
  EXPECT_THAT(thief->get(pack_name(own, BackupId({4}), 0)), FailedWith(Code::denied));
  EXPECT_THAT(thief->get(manifest_name(own, BackupId({4}))), FailedWith(Code::denied));
  for (const std::string& name : names_of(own)) {
    EXPECT_THAT(thief->remove(name), FailedWith(Code::denied)) << name;
    EXPECT_FALSE(thief->put(name, as_bytes("not what was there"))) << name;
  }
  expect_untouched(own);
}

// No policy keeps who may put from putting again: the bucket keeps the version that was there.
TEST_F(StolenAccessKey, CanHideAnObjectOfItsOwnAndNotReplaceIt) {
  const std::string name = pack_name(own, BackupId({4}), 0);
  const S3Store::Parts parts = server->parts();
  S3Client client(settings, parse_s3_endpoint(settings.endpoint).value(), parts.transport, parts.credentials,
                  parts.clock, parts.entropy);
  S3Request look;
  look.method = HttpMethod::head;
  look.key = settings.prefix + "/" + name;
  const std::string version(client.send(look).value().response.header("x-amz-version-id").value_or(""));
  ASSERT_FALSE(version.empty());
  ASSERT_TRUE(send(HttpMethod::put, name, "hides it").ok());
  EXPECT_TRUE(send(HttpMethod::remove, name, "", {{"versionId", version}}).refused_with("AccessDenied"));
  S3Request get;
  get.key = look.key;
  get.query = {{"versionId", version}};
  EXPECT_EQ(as_text(client.send(get).value().response.body), "what was put as " + name);
}

}  // namespace
}  // namespace holdfast
