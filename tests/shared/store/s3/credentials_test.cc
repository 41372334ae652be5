#include "shared/store/s3/credentials.h"

#include <gmock/gmock.h>

#include <map>

#include "tests/harness/result_matchers.h"
#include "tests/harness/unsynced_loss_file_system.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Not;

class S3CredentialsFile : public testing::Test {
 protected:
  Result<S3Credentials> load(const std::string& content, std::uint32_t mode = 0600) {
    EXPECT_TRUE(files.make_directories("/etc/holdfast", 0755));
    EXPECT_TRUE(files.replace_durably("/etc/holdfast/s3", as_bytes(content), mode));
    return s3_credentials_from_file(files, "/etc/holdfast/s3");
  }
  UnsyncedLossFileSystem files;
};

TEST_F(S3CredentialsFile, IsWhatOtherToolsWrite) {
  const auto found = load(
      "# for backups\n[default]\n"
      "aws_access_key_id = AKID\r\n"
      "aws_secret_access_key=very/secret+=\n\n"
      "aws_session_token =  token==\n");
  ASSERT_THAT(found, Succeeded());
  EXPECT_EQ(found->access_key_id, "AKID");
  EXPECT_EQ(as_text(found->secret_access_key.bytes()), "very/secret+=");
  EXPECT_EQ(as_text(found->session_token.bytes()), "token==");
  EXPECT_TRUE(load("aws_access_key_id=a\naws_secret_access_key=b")->session_token.empty());
}

TEST_F(S3CredentialsFile, IsNobodyElsesToRead) {
  const std::string content = "aws_access_key_id=a\naws_secret_access_key=very-secret\n";
  for (const std::uint32_t mode : {0640U, 0604U, 0660U, 0644U}) {
    const auto found = load(content, mode);
    ASSERT_THAT(found, FailedWith(Code::denied, "\"/etc/holdfast/s3\" can be used by others"));
    EXPECT_EQ(found.error().hint, "chmod 600 /etc/holdfast/s3");
  }
  EXPECT_THAT(load(content, 0400), Succeeded());
  EXPECT_THAT(s3_credentials_from_file(files, "/etc/none"), FailedWith(Code::not_found, "/etc/none"));
  EXPECT_THAT(s3_credentials_from_file(files, "/etc"), FailedWith(Code::invalid, "not a plain file"));
}

TEST_F(S3CredentialsFile, IsReadStrictlyAndNeverQuoted) {
  for (const auto& [content, why] : {std::pair<std::string, std::string>{"", "\"aws_access_key_id\" is missing"},
                                     {"aws_access_key_id=a\n", "\"aws_secret_access_key\" is missing"},
                                     {"aws_access_key_id=a\nvery-secret\n", "line 2"},
                                     {"aws_access_key_id=a\naws_secret=very-secret\n", "line 2"},
                                     {"[a]\naws_access_key_id=a\n[b]\n", "line 3: a second profile"},
                                     {"aws_access_key_id=a\naws_access_key_id=b\n", "line 2"},
                                     {"aws_access_key_id=a\naws_secret_access_key=very-secret x\n", "spaces"},
                                     {"aws_access_key_id=a\naws_secret_access_key=very-secret\x01\n", "printable"}}) {
    const auto found = load(content);
    ASSERT_THAT(found, FailedWith(Code::invalid, why)) << content;
    EXPECT_THAT(found.error().text(), Not(HasSubstr("very-secret")));
  }
  EXPECT_THAT(load(std::string(70'000, '#')), FailedWith(Code::invalid, "too long"));
}

TEST(S3CredentialsEnvironment, HasTheNamesThatOtherToolsUse) {
  std::map<std::string, std::string> variables{{"AWS_ACCESS_KEY_ID", "a"}, {"AWS_SECRET_ACCESS_KEY", "very-secret"}};
  const auto variable = [&](const std::string& name) -> std::optional<std::string> {
    const auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional(at->second);
  };
  const auto found = s3_credentials_from_environment(variable);
  ASSERT_THAT(found, Succeeded());
  EXPECT_EQ(as_text(found->secret_access_key.bytes()), "very-secret");
  variables["AWS_SESSION_TOKEN"] = "a\r\nHost: elsewhere";
  EXPECT_THAT(s3_credentials_from_environment(variable), FailedWith(Code::invalid, "\"AWS_SESSION_TOKEN\""));
  variables.clear();
  EXPECT_THAT(s3_credentials_from_environment(variable),
              FailedWith(Code::invalid, "environment: \"AWS_ACCESS_KEY_ID\" is missing"));
}

}  // namespace
}  // namespace holdfast
