#pragma once
// AWS Signature Version 4 with the rules of S3 (AWS: "Authenticating Requests (AWS Signature Version 4)" in the S3 API
// reference): the path is encoded once and never normalised. Pure; safe from many threads.
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/time.h"
#include "shared/store/s3/credentials.h"
#include "shared/store/s3/http_transport.h"

namespace holdfast {

struct QueryParameter {
  std::string name;
  std::string value;  // empty: "name=" is what is signed, and sent
};

struct SigV4Scope {
  std::string region;
  std::string service = "s3";
};

// What is signed, before any encoding.
struct SigV4Request {
  std::string method;
  std::string path;  // begins with '/'
  std::vector<QueryParameter> query;
  std::vector<HttpHeader> headers;  // all of them are signed; "host" must be among them, with a port that is not usual
};

// Instead of the hash of a body, for URLs that are signed before the body is known.
constexpr std::string_view unsigned_payload = "UNSIGNED-PAYLOAD";

// RFC 3986: everything but unreserved characters becomes %XX with upper-case digits.
std::string uri_encode(std::string_view text);
std::string uri_encode_path(std::string_view path);  // keeps '/'
// Encoded and ordered by encoded name, then value: what is signed is also what is to be sent.
std::string canonical_query(const std::vector<QueryParameter>& query);

// `payload_hash` is lower-case hex, or unsigned_payload.
std::string canonical_request(const SigV4Request& request, std::string_view payload_hash);
std::string string_to_sign(std::string_view canonical_request, const SigV4Scope& scope, Timestamp time);

// Adds X-Amz-Date, X-Amz-Security-Token when the credentials have one, and Authorization. S3 also wants
// X-Amz-Content-Sha256 with the payload's hash, which the caller adds before. `time` is the server's.
void sign_with_headers(SigV4Request& request, std::string_view payload_hash, const S3Credentials& credentials,
                       const SigV4Scope& scope, Timestamp time);

// For what is neither: a text, signed as it is, and what the server must know to check it.
struct SigV4Stamp {
  std::string algorithm;
  std::string credential;  // access key and scope
  std::string date;
};
SigV4Stamp stamp_of(const S3Credentials& credentials, const SigV4Scope& scope, Timestamp time);
// Lower-case hex.
std::string sign_text(std::string_view text, const S3Credentials& credentials, const SigV4Scope& scope, Timestamp time);

// The query, encoded, that lets anybody who has the URL do this one request until `time` + `valid` (whole seconds, at
// most 7 days by AWS' rule).
std::string presigned_query(SigV4Request request, std::string_view payload_hash, const S3Credentials& credentials,
                            const SigV4Scope& scope, Timestamp time, Micros valid);

}  // namespace holdfast
