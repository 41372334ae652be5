#include "shared/store/s3/post_policy.h"

#include <fmt/format.h>

#include "shared/store/s3/base64.h"
#include "shared/store/s3/reading.h"

namespace holdfast {
namespace {

constexpr std::string_view content_type = "application/octet-stream";
constexpr std::string_view checksum_field = "x-amz-checksum-sha256";

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", c);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

std::string exactly(std::string_view field, std::string_view value) {
  return fmt::format("{{{}:{}}}", quoted(field), quoted(value));
}

std::string begins_with(std::string_view field, std::string_view value) {
  return fmt::format("[\"starts-with\",{},{}]", quoted("$" + std::string(field)), quoted(value));
}

// "2015-12-30T12:00:00.000Z"
std::string expiration_text(Timestamp time) {
  return to_rfc3339(Timestamp::from_micros(time.micros() / 1'000'000 * 1'000'000)).substr(0, 19) + ".000Z";
}

}  // namespace

std::string s3_policy_document(const S3PostPolicy& policy, const SigV4Stamp& stamp) {
  const bool all_below = policy.key.ends_with('/');
  std::string conditions = exactly("bucket", policy.bucket);
  conditions += "," + (all_below ? begins_with("key", policy.key) : exactly("key", policy.key));
  conditions += fmt::format(",[\"content-length-range\",0,{}]", s3_longest_post);
  conditions += "," + exactly("Content-Type", content_type);
  conditions += "," + begins_with(s3_digest_header, "");
  conditions += "," + begins_with(checksum_field, "");
  conditions += "," + exactly("x-amz-algorithm", stamp.algorithm);
  conditions += "," + exactly("x-amz-credential", stamp.credential);
  conditions += "," + exactly("x-amz-date", stamp.date);
  return fmt::format("{{\"expiration\":{},\"conditions\":[{}]}}", quoted(expiration_text(policy.expires)), conditions);
}

std::vector<BucketPass::Field> sign_s3_policy(const S3PostPolicy& policy, const S3Credentials& credentials,
                                              const SigV4Scope& scope, Timestamp time) {
  const SigV4Stamp stamp = stamp_of(credentials, scope, time);
  const std::string document = to_base64(as_bytes(s3_policy_document(policy, stamp)));
  return {{"x-amz-algorithm", stamp.algorithm},
          {"x-amz-credential", stamp.credential},
          {"x-amz-date", stamp.date},
          {"policy", document},
          {"x-amz-signature", sign_text(document, credentials, scope, time)}};
}

S3Form s3_form(const std::vector<BucketPass::Field>& fields, const std::string& key,
               const std::vector<HttpHeader>& about, ByteView content, const Sha256& digest) {
  const std::string boundary = "holdfast-" + to_hex(digest);
  std::string head;
  const auto add = [&](std::string_view name, std::string_view value) {
    head += fmt::format("--{}\r\nContent-Disposition: form-data; name=\"{}\"\r\n\r\n{}\r\n", boundary, name, value);
  };
  add("key", key);
  for (const HttpHeader& header : about) add(header.name, header.value);
  add(checksum_field, to_base64(digest));
  for (const BucketPass::Field& field : fields) add(field.name, field.value);
  head += fmt::format(
      "--{}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"object\"\r\nContent-Type: {}\r\n\r\n",
      boundary, content_type);
  const std::string tail = fmt::format("\r\n--{}--\r\n", boundary);
  S3Form form;
  form.content_type = "multipart/form-data; boundary=" + boundary;
  form.body.reserve(head.size() + content.size() + tail.size());
  append(form.body, as_bytes(head));
  append(form.body, content);
  append(form.body, as_bytes(tail));
  return form;
}

}  // namespace holdfast
