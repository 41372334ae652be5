// What only a real server can show; see tests/harness/s3_server.h.
#include "tests/harness/s3_server.h"

#include <gmock/gmock.h>

#include "shared/store/s3/asked_authority.h"
#include "shared/store/s3/form_probe.h"
#include "shared/store/s3/presigning.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

class S3OnAServer : public testing::Test {
 protected:
  void SetUp() override {
    server = S3Server::from_environment();
    if (server == nullptr) GTEST_SKIP() << S3Server::missing();
  }
  std::unique_ptr<S3Server> server;
};

TEST_F(S3OnAServer, KeepsLongObjectsInParts) {
  S3Limits limits;
  limits.upload_part = 5U << 20U;
  limits.multipart_above = 6U << 20U;
  limits.read_part = 3U << 20U;
  const auto store = server->fresh_store(limits);
  ASSERT_THAT(store->check(), Succeeded());
  Bytes content(17'000'001);
  SeededEntropy(3).fill(content);
  ASSERT_THAT(store->put("big", content), Succeeded());
  EXPECT_THAT(store->put("big", content), Succeeded());
  EXPECT_TRUE(store->get("big").value() == content);
  const ByteView middle = ByteView(content).subspan(4'000'000, 9'000'000);
  EXPECT_TRUE(std::ranges::equal(store->get_range("big", 4'000'000, 9'000'000).value(), middle));
  content.back() ^= 1;
  EXPECT_THAT(store->put("big", content), FailedWith(Code::already_exists));
  EXPECT_THAT(store->sweep_uploads(Micros(0)), Succeeded());
  server->remove_everything(*store);
}

TEST_F(S3OnAServer, SweepsUploadsThatWereLost) {
  const auto store = server->fresh_store();
  S3Settings settings = server->settings();
  settings.prefix = store->description().substr(store->description().rfind('/') + 1);
  const S3Store::Parts parts = server->parts();
  S3Client client(settings, parse_s3_endpoint(settings.endpoint).value(), parts.transport, parts.credentials,
                  parts.clock, parts.entropy);
  S3Request begin;
  begin.method = HttpMethod::post;
  begin.query = {{"uploads", ""}};
  for (const std::string name : {"a", "b"}) {
    begin.key = settings.prefix + "/" + name;
    ASSERT_TRUE(client.send(begin).value().ok());
  }
  EXPECT_EQ(store->sweep_uploads(std::chrono::hours(24)).value(), 0U);
  EXPECT_EQ(store->sweep_uploads(-std::chrono::minutes(1)).value(), 2U);
  EXPECT_EQ(store->sweep_uploads(-std::chrono::minutes(1)).value(), 0U);
}

TEST_F(S3OnAServer, SaysWhetherABucketHasObjectLock) {
  ASSERT_THAT(server->fresh_store()->check(), Succeeded());
  const auto plain = server->fresh_store();
  ASSERT_THAT(plain->check(), Succeeded());
  EXPECT_EQ(plain->abilities().object_lock, Ability::no);
  const auto locking = S3Server::from_environment("-lock", {{"x-amz-bucket-object-lock-enabled", "true"}});
  const auto store = locking->fresh_store();
  ASSERT_THAT(store->check(), Succeeded());
  EXPECT_EQ(store->abilities().object_lock, Ability::yes);
}

// The bucket keeps versions: remove() hides the object and answers well, but the version that was put stays.
TEST_F(S3OnAServer, KeepsWhatIsPutUnderLockFromBeingRemovedForGood) {
  const auto locking = S3Server::from_environment("-lock", {{"x-amz-bucket-object-lock-enabled", "true"}});
  S3Settings settings = locking->settings();
  settings.prefix = "kept-" + std::to_string(SystemClock().now().micros());
  settings.lock = std::chrono::seconds(8);
  const auto store = S3Store::open(settings, locking->parts(), {Ability::unknown, Ability::yes}).value();
  ASSERT_THAT(store->put("a", as_bytes("content")), Succeeded());
  ASSERT_THAT(store->keep_until("a", SystemClock().now() + std::chrono::seconds(12)), Succeeded());
  const S3Store::Parts parts = locking->parts();
  S3Client client(settings, parse_s3_endpoint(settings.endpoint).value(), parts.transport, parts.credentials,
                  parts.clock, parts.entropy);
  S3Request head;
  head.method = HttpMethod::head;
  head.key = settings.prefix + "/a";
  const std::string version(client.send(head).value().response.header("x-amz-version-id").value());
  S3Request removal;
  removal.method = HttpMethod::remove;
  removal.key = head.key;
  removal.query = {{"versionId", version}};
  EXPECT_TRUE(client.send(removal).value().refused_with("AccessDenied"));
  EXPECT_EQ(as_text(store->get("a").value()), "content");
}

TEST_F(S3OnAServer, TakesFormsAndKeepsToTheirPolicies) {
  const auto store = server->fresh_store();
  S3Settings settings = server->settings();
  settings.prefix = store->description().substr(store->description().rfind('/') + 1);
  const S3Store::Parts parts = server->parts();
  EXPECT_THAT(probe_s3_forms(
                  settings, parts.transport, [this]() -> Result<S3Credentials> { return server->credentials(); },
                  parts.clock, parts.entropy),
              Succeeded());
  EXPECT_TRUE(store->list("").value().empty());
}

TEST_F(S3OnAServer, RefusesAPassThatHasRunOut) {
  const auto store = server->fresh_store();
  S3Settings settings = server->settings();
  settings.prefix = store->description().substr(store->description().rfind('/') + 1);
  const S3Store::Parts parts = server->parts();
  const auto signed_before = [&](Micros age) {
    const AskForPass ask = [&, age](const BucketWish& wish, PassAge) {
      return sign_bucket_wish(settings, server->credentials(), wish, parts.clock.now() - age);
    };
    S3Store::Parts asked = server->parts();
    asked.credentials = std::make_shared<AskedS3Authority>(settings, ask, parts.clock);
    asked.put_unseen = [](const std::string&) { return true; };
    return std::move(S3Store::open(settings, asked, {Ability::no, Ability::no}).value());
  };
  const Bytes content = to_bytes(as_bytes("content"));
  EXPECT_THAT(signed_before(std::chrono::minutes(55))->put("db/a", content), Succeeded());
  EXPECT_THAT(signed_before(std::chrono::minutes(65))->get("db/a"), FailedWith(Code::denied));
  EXPECT_THAT(signed_before(s3_put_pass_life + std::chrono::minutes(1))->put("db/b", content),
              FailedWith(Code::denied));
  server->remove_everything(*store);
}

TEST_F(S3OnAServer, IsDeniedWithTheWrongSecretAndWithoutABucketUnavailable) {
  S3Settings settings = server->settings();
  S3Store::Parts parts = server->parts();
  const std::string id = server->credentials().access_key_id;
  parts.credentials = [id]() -> Result<S3Credentials> { return S3Credentials{id, SecretText("wrong"), SecretText()}; };
  const auto stranger = std::move(S3Store::open(settings, parts).value());
  EXPECT_THAT(stranger->get("a"), FailedWith(Code::denied, "SignatureDoesNotMatch"));
  EXPECT_THAT(stranger->stat("a"), FailedWith(Code::denied));
  settings.bucket += "-none";
  const auto nowhere = std::move(S3Store::open(settings, server->parts()).value());
  EXPECT_THAT(nowhere->get("a"), FailedWith(Code::unavailable, "NoSuchBucket"));
  EXPECT_THAT(nowhere->stat("a"), FailedWith(Code::unavailable));
  EXPECT_THAT(nowhere->list(""), FailedWith(Code::unavailable));
  EXPECT_THAT(nowhere->put("a", as_bytes("x")), FailedWith(Code::unavailable));
}

}  // namespace
}  // namespace holdfast
