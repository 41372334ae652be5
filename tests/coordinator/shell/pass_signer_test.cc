#include "coordinator/shell/pass_signer.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>

#include "shared/os/posix_file_system.h"
#include "shared/wire/codec.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Kind = BucketWish::Kind;

class PassSigner : public testing::Test {
 protected:
  PassSigner() {
    grant.place.endpoint = "https://s3.example";
    grant.place.bucket = "bucket";
    grant.place.prefix = "fleet";
    grant.place.credentials = directory / "s3.keys";
    grant.place.hosts = S3Place::Hosts::presigned;
    grant.wish = {Kind::put, "db/"};
    write("aws_access_key_id = AKID\naws_secret_access_key = very-secret\n");
  }
  void write(const std::string& content) const {
    std::ofstream(grant.place.credentials) << content;
    ::chmod(grant.place.credentials.c_str(), 0600);
  }
  PassReply sign() { return sign_pass(grant, files, parse_time("2027-01-15T08:00:00Z").value()); }

  TemporaryDirectory directory;
  PosixFileSystem files;
  GrantPass grant;
};

TEST_F(PassSigner, SignsWithTheCoordinatorsKeyAndSendsNothingOfItsSecret) {
  const PassReply reply = sign();
  ASSERT_FALSE(reply.refused);
  EXPECT_EQ(reply.pass.url, "https://s3.example/bucket");
  EXPECT_EQ(reply.pass.valid, std::chrono::hours(24 * 7));
  Message message;
  message.body = reply;
  const Bytes bytes = encode_message(message);
  EXPECT_THAT(std::string(as_text(bytes)), HasSubstr("AKID/20270115/us-east-1/s3/aws4_request"));
  EXPECT_EQ(as_text(bytes).find("very-secret"), std::string_view::npos);
}

TEST_F(PassSigner, FollowsAFileThatIsRenewed) {
  grant.wish = {Kind::get, "db/wal/x"};
  write("aws_access_key_id = NEWER\naws_secret_access_key = other\n");
  EXPECT_THAT(sign().pass.url, HasSubstr("X-Amz-Credential=NEWER%2F20270115"));
}

TEST_F(PassSigner, SaysThatItHasNoCredentials) {
  grant.place.credentials = directory / "nothing-here";
  const PassReply reply = sign();
  ASSERT_TRUE(reply.refused);
  EXPECT_THAT(reply.refused->message, HasSubstr("nothing-here"));
  EXPECT_TRUE(reply.pass.url.empty());
}

TEST_F(PassSigner, DoesNotSignWithCredentialsThatEndSoon) {
  write("aws_access_key_id = AKID\naws_secret_access_key = very-secret\naws_session_token = passing\n");
  const PassReply reply = sign();
  ASSERT_TRUE(reply.refused);
  EXPECT_EQ(reply.refused->code, Code::invalid);
  EXPECT_THAT(reply.refused->message, HasSubstr("temporary"));
}

TEST_F(PassSigner, DoesNotSignWhatIsNoWishWhoeverGrantedIt) {
  grant.wish = {Kind::put, "db/../other/"};
  EXPECT_TRUE(sign().refused);
}

}  // namespace
}  // namespace holdfast
