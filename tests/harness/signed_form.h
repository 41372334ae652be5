#pragma once
// What a server makes of an object that comes by a signed form.
#include <map>
#include <optional>
#include <string>

#include "shared/base/bytes.h"
#include "shared/base/time.h"
#include "shared/store/s3/credentials.h"

namespace holdfast {

struct SignedForm {
  std::map<std::string, std::string> fields;  // but for the file
  Bytes content;
};
// nullopt: it is none.
std::optional<SignedForm> parse_signed_form(const std::string& content_type, ByteView body);

struct FormRules {
  std::string bucket;
  std::string region;
  S3Credentials credentials;
  Timestamp now;
};
// Signature, time and every condition of its policy; a field that no condition names is one too many. nullopt: it may.
std::optional<std::string> complaint_about(const SignedForm& form, const FormRules& rules);

}  // namespace holdfast
