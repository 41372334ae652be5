#pragma once
// A request to one bucket, and what came of it.
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/crypto/keys.h"
#include "shared/store/s3/documents.h"
#include "shared/store/s3/http_transport.h"
#include "shared/store/s3/sigv4.h"

namespace holdfast {

struct S3Request {
  HttpMethod method = HttpMethod::get;
  std::string key;  // in the bucket, prefix included; empty: the bucket itself
  std::vector<QueryParameter> query;
  std::vector<HttpHeader> headers;  // besides what signing adds; all are signed
  ByteView body;
  std::optional<Sha256> body_sha256;  // when the caller has it already
  // What a 2xx answer carries. A document may be an <Error> all the same, which then counts as the refusal it is; so
  // does one in answer to anything that writes.
  enum class Answer : std::uint8_t { bytes, document } answer = Answer::bytes;
  std::uint64_t response_limit = 16ULL << 20U;  // bytes; 1000 entries of a list are about 500 kB
  std::optional<std::uint32_t> attempts;        // instead of the limit of the settings
  // Looks at a 2xx answer. An error: it was damaged on the way, try again; the last one is what send() returns.
  std::function<Result<>(const HttpResponse&)> check;
};

struct S3Reply {
  HttpResponse response;
  std::optional<S3ErrorDocument> refusal;  // has a value exactly when it was refused; its code may be empty

  bool ok() const { return !refusal.has_value(); }
  bool refused_with(std::string_view code) const { return refusal && refusal->code == code; }
};

}  // namespace holdfast
