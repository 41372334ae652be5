#include "shared/store/opening/store_text.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "shared/store/opening/s3_place.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

TEST(StoreText, IsADirectory) {
  const auto store = parse_store_text("/backup/./here");
  ASSERT_THAT(store, Succeeded());
  EXPECT_EQ(store->kind, StoreKind::posix);
  EXPECT_EQ(store->path, "/backup/here");
  EXPECT_EQ(store->name, "/backup/./here");
  EXPECT_EQ(parse_store_text("backup")->path, std::filesystem::current_path().string() + "/backup");
}

TEST(StoreText, IsABucketWithAllThatBelongsToIt) {
  const auto store = parse_store_text(
      "s3://copies/fleet/one/?endpoint=https://s3.example.net:9000&region=eu-1&addressing=host&ca_file=/etc/ca.pem"
      "&credentials=/root/s3.keys");
  ASSERT_THAT(store, Succeeded());
  EXPECT_EQ(store->kind, StoreKind::s3);
  EXPECT_EQ(store->s3.bucket, "copies");
  EXPECT_EQ(store->s3.prefix, "fleet/one");
  EXPECT_EQ(store->s3.endpoint, "https://s3.example.net:9000");
  EXPECT_EQ(store->s3.region, "eu-1");
  EXPECT_EQ(store->s3.addressing, S3Place::Addressing::host);
  EXPECT_EQ(store->s3.ca_file, "/etc/ca.pem");
  EXPECT_EQ(store->s3.credentials, "/root/s3.keys");
}

TEST(StoreText, OfABucketAloneIsAmazonsWithCredentialsFromTheEnvironment) {
  const auto store = parse_store_text("s3://copies?region=eu-central-1");
  ASSERT_THAT(store, Succeeded());
  EXPECT_EQ(store->s3.endpoint, "https://s3.eu-central-1.amazonaws.com");
  EXPECT_EQ(store->s3.credentials, "env");
  EXPECT_EQ(store->s3.prefix, "");
}

TEST(StoreText, ThatWillNotDoIsNamed) {
  EXPECT_THAT(parse_store_text(""), FailedWith(Code::invalid, "no store"));
  EXPECT_THAT(parse_store_text("ftp://copies"), FailedWith(Code::invalid, "ftp://copies"));
  EXPECT_THAT(parse_store_text("s3://"), FailedWith(Code::invalid, "bucket"));
  EXPECT_THAT(parse_store_text("s3://copies?speed=high"), FailedWith(Code::invalid, "speed=high"));
  EXPECT_THAT(parse_store_text("s3://copies?region="), FailedWith(Code::invalid, "\"region\" has no value"));
  EXPECT_THAT(parse_store_text("s3://copies?endpoint=server"), FailedWith(Code::invalid, "endpoint"));
  EXPECT_THAT(parse_store_text("s3://copies?addressing=both"), FailedWith(Code::invalid, "addressing=both"));
}

TEST(S3PlaceCheck, WantsCredentialsByNameAndNeverThemselves) {
  S3Place place;
  place.endpoint = "https://s3.example.net";
  place.bucket = "copies";
  place.credentials = "AKIAEXAMPLE:secret";
  EXPECT_THAT(check_s3_place(place), FailedWith(Code::invalid, "credentials"));
  place.credentials = "/root/s3.keys";
  EXPECT_THAT(check_s3_place(place), Succeeded());
  place.ca_file = "ca.pem";
  EXPECT_THAT(check_s3_place(place), FailedWith(Code::invalid, "ca_file"));
}

}  // namespace
}  // namespace holdfast
