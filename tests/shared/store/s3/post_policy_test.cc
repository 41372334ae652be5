// Vectors: the example of the Amazon S3 API reference, "Examples: Browser-Based Upload using HTTP POST (Using AWS
// Signature Version 4)"; the others were computed by Python's hmac, hashlib and base64.
#include "shared/store/s3/post_policy.h"

#include <gmock/gmock.h>

#include "shared/store/s3/presigning.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/signed_form.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const Timestamp time_of_examples = parse_time("2015-12-29T00:00:00Z").value();
const SigV4Scope scope{"us-east-1", "s3"};

S3Credentials credentials() {
  return {"AKIAIOSFODNN7EXAMPLE", SecretText("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"), SecretText()};
}

std::string field(const std::vector<BucketPass::Field>& fields, std::string_view name) {
  for (const auto& each : fields) {
    if (each.name == name) return each.value;
  }
  return "no such field";
}

TEST(PostPolicy, IsSignedAsInTheExampleOfAws) {
  const std::string policy =
      "eyAiZXhwaXJhdGlvbiI6ICIyMDE1LTEyLTMwVDEyOjAwOjAwLjAwMFoiLA0KICAiY29uZGl0aW9ucyI6IFsNCiAgICB7ImJ1Y2tldCI6ICJzaW"
      "d2NGV4YW1wbGVidWNrZXQifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRrZXkiLCAidXNlci91c2VyMS8iXSwNCiAgICB7ImFjbCI6ICJwdWJs"
      "aWMtcmVhZCJ9LA0KICAgIHsic3VjY2Vzc19hY3Rpb25fcmVkaXJlY3QiOiAiaHR0cDovL3NpZ3Y0ZXhhbXBsZWJ1Y2tldC5zMy5hbWF6b25hd3"
      "MuY29tL3N1Y2Nlc3NmdWxfdXBsb2FkLmh0bWwifSwNCiAgICBbInN0YXJ0cy13aXRoIiwgIiRDb250ZW50LVR5cGUiLCAiaW1hZ2UvIl0sDQog"
      "ICAgeyJ4LWFtei1tZXRhLXV1aWQiOiAiMTQzNjUxMjM2NTEyNzQifSwNCiAgICB7IngtYW16LXNlcnZlci1zaWRlLWVuY3J5cHRpb24iOiAiQU"
      "VTMjU2In0sDQogICAgWyJzdGFydHMtd2l0aCIsICIkeC1hbXotbWV0YS10YWciLCAiIl0sDQoNCiAgICB7IngtYW16LWNyZWRlbnRpYWwiOiAi"
      "QUtJQUlPU0ZPRE5ON0VYQU1QTEUvMjAxNTEyMjkvdXMtZWFzdC0xL3MzL2F3czRfcmVxdWVzdCJ9LA0KICAgIHsieC1hbXotYWxnb3JpdGhtIj"
      "ogIkFXUzQtSE1BQy1TSEEyNTYifSwNCiAgICB7IngtYW16LWRhdGUiOiAiMjAxNTEyMjlUMDAwMDAwWiIgfQ0KICBdDQp9";
  EXPECT_EQ(sign_text(policy, credentials(), scope, time_of_examples),
            "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e");
}

TEST(PostPolicy, AllowsEveryNameBelowAPrefixAndNothingElse) {
  const S3PostPolicy policy{"examplebucket", "fleet/db/", parse_time("2015-12-30T12:00:00.5Z").value()};
  EXPECT_EQ(
      s3_policy_document(policy, stamp_of(credentials(), scope, time_of_examples)),
      R"({"expiration":"2015-12-30T12:00:00.000Z","conditions":[{"bucket":"examplebucket"},["starts-with","$key","fleet/db/"],)"
      R"(["content-length-range",0,5368709120],{"Content-Type":"application/octet-stream"},)"
      R"(["starts-with","$x-amz-meta-holdfast-sha256",""],["starts-with","$x-amz-checksum-sha256",""],)"
      R"({"x-amz-algorithm":"AWS4-HMAC-SHA256"},)"
      R"({"x-amz-credential":"AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"},{"x-amz-date":"20151229T000000Z"}]})");
  const auto fields = sign_s3_policy(policy, credentials(), scope, time_of_examples);
  EXPECT_THAT(field(fields, "policy"),
              StartsWith("eyJleHBpcmF0aW9uIjoiMjAxNS0xMi0zMFQxMjowMDowMC4wMDBaIiwiY29uZGl0aW"));
  EXPECT_EQ(field(fields, "x-amz-signature"), "b43b1e24bde1a021d946f91d7047cf81da89fe5ec01f9586d5c8d031a3b505a2");
}

TEST(PostPolicy, AllowsExactlyOneNameWithoutASlashAtItsEnd) {
  const S3PostPolicy policy{"examplebucket", "fleet/fleet.record", time_of_examples};
  EXPECT_THAT(s3_policy_document(policy, stamp_of(credentials(), scope, time_of_examples)),
              HasSubstr(R"({"key":"fleet/fleet.record"})"));
}

TEST(PostPolicy, QuotesWhatAnAccessKeyMayHoldInIt) {
  const S3PostPolicy policy{"examplebucket", "a/", time_of_examples};
  EXPECT_THAT(s3_policy_document(policy, {"AWS4-HMAC-SHA256", "a\"b\\c\n/20151229", "20151229T000000Z"}),
              HasSubstr(R"({"x-amz-credential":"a\"b\\c\u000a/20151229"})"));
}

TEST(PostForm, HoldsTheObjectAsItsLastPart) {
  const Bytes content = to_bytes(as_bytes("some\r\n--bytes"));
  const S3Form form = s3_form({{"policy", "p"}}, "fleet/db/a", {{"Content-Type", "application/octet-stream"}}, content,
                              sha256(content));
  const std::string boundary = "holdfast-" + to_hex(sha256(content));
  EXPECT_EQ(form.content_type, "multipart/form-data; boundary=" + boundary);
  const auto parsed = parse_signed_form(form.content_type, form.body);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->content, content);
  EXPECT_EQ(parsed->fields.at("key"), "fleet/db/a");
  EXPECT_EQ(parsed->fields.at("policy"), "p");
  EXPECT_EQ(parsed->fields.at("Content-Type"), "application/octet-stream");
  EXPECT_EQ(parsed->fields.at("x-amz-checksum-sha256").size(), 44U);
  EXPECT_THAT(std::string(as_text(form.body)), testing::EndsWith("some\r\n--bytes\r\n--" + boundary + "--\r\n"));
}

class Presigning : public testing::Test {
 protected:
  Presigning() {
    settings.endpoint = "https://s3.example:8000";
    settings.bucket = "bucket";
    settings.prefix = "fleet";
  }
  std::string url(const BucketWish& wish) const {
    const auto pass = sign_bucket_wish(settings, credentials(), wish, time_of_examples);
    return pass ? pass->url : "error: " + pass.error().text();
  }
  static Code refusal(const BucketWish& wish) {
    const auto checked = check_bucket_wish(wish);
    return checked ? Code::internal : checked.error().code;
  }
  using Kind = BucketWish::Kind;
  S3Settings settings;
  const std::string stamp =
      "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20151229%2Fus-east-1%2Fs3%2Faws4_"
      "request"
      "&X-Amz-Date=20151229T000000Z&X-Amz-Expires=3600&X-Amz-SignedHeaders=host";
};

TEST_F(Presigning, SignsAGetAndAHeadApart) {
  EXPECT_EQ(url({Kind::get, "db/wal/x"}),
            "https://s3.example:8000/bucket/fleet/db/wal/x?" + stamp +
                "&X-Amz-Signature=74ae1018b7e2bc11a5ceca56956d9435a4c5893248c9b4551d5a77cff0936172");
  EXPECT_EQ(url({Kind::look, "db/wal/x"}),
            "https://s3.example:8000/bucket/fleet/db/wal/x?" + stamp +
                "&X-Amz-Signature=a5c0addaa1e9af452b16512e48d4be37a0495995c8fec88f5781a26c07670365");
}

TEST_F(Presigning, SignsOnePageOfAListWithItsPrefix) {
  EXPECT_EQ(url({Kind::list, "db/", true, "+/=a"}),
            "https://s3.example:8000/bucket?" + stamp +
                "&continuation-token=%2B%2F%3Da&delimiter=%2F&encoding-type=url&list-type=2&prefix=fleet%2Fdb%2F"
                "&X-Amz-Signature=25a06829e9105c5cd09895e8d91d80cb3a5201d876e3dccbb2dcf4b104cfdf08");
}

TEST_F(Presigning, GivesPutsAWeek) {
  const auto pass = sign_bucket_wish(settings, credentials(), {Kind::put, "db/"}, time_of_examples).value();
  EXPECT_EQ(pass.url, "https://s3.example:8000/bucket");
  EXPECT_EQ(pass.valid, std::chrono::hours(24 * 7));
}

TEST_F(Presigning, RefusesTemporaryCredentials) {
  const S3Credentials temporary{"key", SecretText("secret"), SecretText("token")};
  EXPECT_THAT(sign_bucket_wish(settings, temporary, {Kind::get, "db/wal/x"}, time_of_examples),
              FailedWith(Code::invalid));
}

TEST_F(Presigning, RefusesWhatIsNoWish) {
  EXPECT_EQ(refusal({Kind::get, "db/../other/wal/x"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::get, ""}), Code::invalid);
  EXPECT_EQ(refusal({Kind::get, "/db"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::get, "db/x", true}), Code::invalid);
  EXPECT_EQ(refusal({Kind::look, "db/x", false, "token"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::list, "db/../"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::list, "db//"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::reach, "db"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::put, "db/wal/"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::put, "/"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::put, ""}), Code::invalid);
  EXPECT_EQ(refusal({Kind::put, "../"}), Code::invalid);
  EXPECT_EQ(refusal({Kind::put, "fleet.record"}), Code::internal);
  EXPECT_EQ(refusal({Kind::list, "db/backups/"}), Code::internal);
}

}  // namespace
}  // namespace holdfast
