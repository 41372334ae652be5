#pragma once
// What an S3 server's refusal means (AWS S3 API reference, "Error responses"; Ceph's and MinIO's additions). Pure.
#include <cstdint>
#include <string_view>

#include "shared/base/result.h"

namespace holdfast {

enum class S3Retry : std::uint8_t { never, later };

struct S3Verdict {
  Code code = Code::unavailable;
  S3Retry retry = S3Retry::never;
  std::string_view hint;  // may be empty
};

// `status` is not 2xx, or the answer was an <Error> document all the same. `code` is the document's, empty when there
// was none. Code::not_found is said of NoSuchKey only: a 404 without it may come from a proxy or a missing bucket.
S3Verdict judge_s3_refusal(int status, std::string_view code);

}  // namespace holdfast
