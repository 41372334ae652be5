#pragma once
// Who signs requests to an S3 server. From a file that nobody else may read or from the environment; never from a
// command line, never into a log, an error or a record.
#include <functional>
#include <optional>
#include <string>

#include "shared/crypto/secret_text.h"
#include "shared/os/file_system.h"

namespace holdfast {

struct S3Credentials {
  std::string access_key_id;  // not a secret: it travels in every request
  SecretText secret_access_key;
  SecretText session_token;  // of temporary credentials (AWS STS); empty: none
};

// Asked when a store begins, and again when the server refuses what it gave before, so that a file that something else
// renews is followed. Must be safe from many threads.
using LoadS3Credentials = std::function<Result<S3Credentials>()>;

// The AWS tools' form of credentials file with one profile: an optional "[name]" line, then "aws_access_key_id",
// "aws_secret_access_key" and perhaps "aws_session_token", each "key = value". Comments begin a line with '#' or ';'.
// Anything else is Code::invalid with its line; a file that others can use (mode beyond 0600) is Code::denied.
Result<S3Credentials> s3_credentials_from_file(FileSystem& files, const std::string& path);

// AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and perhaps AWS_SESSION_TOKEN as `variable` gives them.
Result<S3Credentials> s3_credentials_from_environment(
    const std::function<std::optional<std::string>(const std::string& name)>& variable);

}  // namespace holdfast
