#include "shared/store/s3/object_lock.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/store/s3/base64.h"

namespace holdfast {
namespace {

constexpr std::string_view mode = "GOVERNANCE";

// Whole seconds: some servers take no fractions.
std::string date_of(Timestamp until) {
  const Timestamp second = Timestamp::from_micros(until.micros() / 1'000'000 * 1'000'000);
  std::string text = to_rfc3339(second);
  if (const auto point = text.find('.'); point != std::string::npos) text = text.substr(0, point) + "Z";
  return text;
}

Result<std::optional<Timestamp>> kept_until(S3Client& client, const std::string& key) {
  std::optional<Timestamp> until;
  S3Request request;
  request.key = key;
  request.query = {{"retention", ""}};
  request.answer = S3Request::Answer::document;
  request.check = [&](const HttpResponse& response) -> Result<> {
    until = TRY(parse_s3_retention(response.body));
    return {};
  };
  const S3Reply reply = TRY(client.send(request));
  if (reply.ok()) return until;
  if (reply.refused_with("NoSuchObjectLockConfiguration") ||
      reply.refused_with("ObjectLockConfigurationNotFoundError")) {
    return std::nullopt;
  }
  return std::unexpected(S3Client::error_of(reply));
}

}  // namespace

std::vector<HttpHeader> s3_lock_headers(Timestamp until) {
  return {{"x-amz-object-lock-mode", std::string(mode)}, {"x-amz-object-lock-retain-until-date", date_of(until)}};
}

HttpHeader s3_checksum_header(const Sha256& digest) {
  return {"x-amz-checksum-sha256", to_base64(digest)};
}

Result<> keep_s3_object(S3Client& client, const std::string& key, Timestamp until) {
  const auto before = kept_until(client, key);
  if (before && *before && **before >= until) return {};
  const std::string body = fmt::format(
      "<Retention xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Mode>{}</Mode>"
      "<RetainUntilDate>{}</RetainUntilDate></Retention>",
      mode, date_of(until));
  S3Request request;
  request.method = HttpMethod::put;
  request.key = key;
  request.query = {{"retention", ""}};
  request.headers = {{"Content-Type", "application/xml"}, s3_checksum_header(sha256(as_bytes(body)))};
  request.body = as_bytes(body);
  const S3Reply reply = TRY(client.send(request));
  if (reply.ok()) return {};
  if (reply.refused_with("InvalidRequest")) {
    return fail(Code::unsupported, "the bucket was made without object lock", "make a bucket that has it");
  }
  return std::unexpected(S3Client::error_of(reply));
}

}  // namespace holdfast
