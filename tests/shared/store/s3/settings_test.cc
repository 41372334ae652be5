#include "shared/store/s3/settings.h"

#include <gmock/gmock.h>

#include <functional>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

S3Settings sound() {
  S3Settings settings;
  settings.endpoint = "https://s3.example";
  settings.bucket = "backups";
  return settings;
}

TEST(S3Endpoint, IsReadAndWrittenAsTheHostHeaderHasIt) {
  const auto authority = [](const std::string& text) { return parse_s3_endpoint(text).value().authority(); };
  EXPECT_EQ(authority("https://S3.Example"), "s3.example");
  EXPECT_EQ(authority("https://s3.example/"), "s3.example");
  EXPECT_EQ(authority("https://s3.example:443"), "s3.example");
  EXPECT_EQ(authority("http://s3.example:80"), "s3.example");
  EXPECT_EQ(authority("http://10.0.0.5:8000"), "10.0.0.5:8000");
  EXPECT_EQ(authority("http://s3.example:443"), "s3.example:443");
  EXPECT_EQ(authority("http://[fd00::1]:8000"), "[fd00::1]:8000");
  EXPECT_EQ(authority("http://[fd00::1]"), "[fd00::1]");
  EXPECT_EQ(parse_s3_endpoint("http://a:8000").value().url(), "http://a:8000");
}

TEST(S3Endpoint, RefusesWhatIsMoreOrLessThanAServer) {
  for (const std::string text :
       {"", "s3.example", "ftp://s3.example", "https://", "https:///", "https://s3.example/bucket", "https://a?b",
        "https://user:pass@s3.example", "https://a:0", "https://a:65536", "https://a:x", "https://a:", "https://a b",
        "https://a\r\nHost: b", "https://[::1", "https://[]", "https://..", "https://-a", "https://a..b"}) {
    EXPECT_THAT(parse_s3_endpoint(text), FailedWith(Code::invalid, "\"endpoint\"")) << text;
  }
}

TEST(S3Settings, TakesWhatIsSound) {
  EXPECT_THAT(check_s3_settings(sound()), Succeeded());
  S3Settings settings = sound();
  settings.prefix = "fleet/one";
  settings.addressing = S3Addressing::host;
  settings.ca_file = "/etc/ca.pem";
  EXPECT_THAT(check_s3_settings(settings), Succeeded());
}

struct Wrong {
  std::string name;
  std::string field;
  std::function<void(S3Settings&)> how;
};
class S3WrongSettings : public testing::TestWithParam<Wrong> {};

TEST_P(S3WrongSettings, AreRefusedByName) {
  S3Settings settings = sound();
  GetParam().how(settings);
  EXPECT_THAT(check_s3_settings(settings), FailedWith(Code::invalid, "\"" + GetParam().field + "\""));
}

INSTANTIATE_TEST_SUITE_P(
    All, S3WrongSettings,
    testing::Values(Wrong{"Endpoint", "endpoint", [](S3Settings& s) { s.endpoint = "s3"; }},
                    Wrong{"Region", "region", [](S3Settings& s) { s.region = "eu west"; }},
                    Wrong{"NoRegion", "region", [](S3Settings& s) { s.region = ""; }},
                    Wrong{"NoBucket", "bucket", [](S3Settings& s) { s.bucket = ""; }},
                    Wrong{"ShortBucket", "bucket", [](S3Settings& s) { s.bucket = "ab"; }},
                    Wrong{"LongBucket", "bucket", [](S3Settings& s) { s.bucket = std::string(64, 'a'); }},
                    Wrong{"BucketWithSlash", "bucket", [](S3Settings& s) { s.bucket = "back/ups"; }},
                    Wrong{"BucketThatIsNoHost", "bucket",
                          [](S3Settings& s) {
                            s.bucket = "Backups";
                            s.addressing = S3Addressing::host;
                          }},
                    Wrong{"BucketWithDotsUnderTls", "bucket",
                          [](S3Settings& s) {
                            s.bucket = "back.ups";
                            s.addressing = S3Addressing::host;
                          }},
                    Wrong{"HostStyleAtAnAddress", "addressing",
                          [](S3Settings& s) {
                            s.endpoint = "http://10.0.0.5:8000";
                            s.addressing = S3Addressing::host;
                          }},
                    Wrong{"PrefixWithSlashAtItsEnd", "prefix", [](S3Settings& s) { s.prefix = "fleet/"; }},
                    Wrong{"PrefixWithSpace", "prefix", [](S3Settings& s) { s.prefix = "my fleet"; }},
                    Wrong{"LongPrefix", "prefix", [](S3Settings& s) { s.prefix = std::string(401, 'a'); }},
                    Wrong{"RelativeCaFile", "ca_file", [](S3Settings& s) { s.ca_file = "ca.pem"; }},
                    Wrong{"Connect", "connect", [](S3Settings& s) { s.timeouts.connect = Micros(0); }},
                    Wrong{"Stall", "stall", [](S3Settings& s) { s.timeouts.stall = std::chrono::hours(2); }},
                    Wrong{"StallBytes", "stall_bytes", [](S3Settings& s) { s.timeouts.stall_bytes = 0; }},
                    Wrong{"SmallPart", "upload_part", [](S3Settings& s) { s.limits.upload_part = 5'242'879; }},
                    Wrong{"LargePart", "upload_part", [](S3Settings& s) { s.limits.upload_part = 6ULL << 30U; }},
                    Wrong{"MultipartAbove", "multipart_above",
                          [](S3Settings& s) { s.limits.multipart_above = 6ULL << 30U; }},
                    Wrong{"ReadPart", "read_part", [](S3Settings& s) { s.limits.read_part = 1; }},
                    Wrong{"Parallel", "parallel", [](S3Settings& s) { s.limits.parallel = 0; }},
                    Wrong{"Attempts", "attempts", [](S3Settings& s) { s.limits.attempts = 0; }},
                    Wrong{"LongestRead", "longest_read", [](S3Settings& s) { s.limits.longest_read = 1; }}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace holdfast
