#pragma once
// Content of objects, long ones in ranges that are fetched at the same time. Every length is checked: what the server
// says it has, what it says it sends, what arrived.
#include <string>

#include "shared/store/s3/client.h"

namespace holdfast {

// Lower-case hex of the SHA-256 of the whole object: written with each object, so that an object can be compared
// without being read.
constexpr std::string_view s3_digest_header = "x-amz-meta-holdfast-sha256";

// What the store makes of NoSuchKey and everything else: nullopt is a refusal that is in `refused`.
struct S3ReadOutcome {
  std::optional<Bytes> content;
  S3Reply refused;
};

// The whole object; checked against its digest when it has one (Code::corrupt when it does not fit in three reads).
// Memory: the object and `parallel` parts of `read_part`.
Result<S3ReadOutcome> read_s3_object(S3Client& client, const S3Limits& limits, const std::string& key);

// Exactly this range, `length` at least 1 and offset + length no overflow. Code::corrupt: the object ends before.
Result<S3ReadOutcome> read_s3_range(S3Client& client, const S3Limits& limits, const std::string& key,
                                    std::uint64_t offset, std::uint64_t length);

}  // namespace holdfast
