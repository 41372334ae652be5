#pragma once
// Objects in parts (AWS: "Multipart upload"): invisible until they are complete, and kept, and charged for, until
// somebody completes or aborts them.
#include <string>

#include "shared/store/s3/client.h"

namespace holdfast {

enum class S3Condition : std::uint8_t { none, must_be_new };  // If-None-Match: *

enum class S3UploadOutcome : std::uint8_t {
  stored,
  taken,   // S3Condition::must_be_new, and it is not
  unsure,  // the server does not know the upload or its parts any more: it may have completed it and the answer was
           // lost
};

// `upload_part`, or what cuts an object of this size into the 10 000 parts that there may be.
std::uint64_t s3_part_size(const S3Limits& limits, std::uint64_t size);

// Equal parts, several at a time; memory is that of `content`. Whatever fails, the upload is aborted as far as the
// server can be reached; what is left of it, sweep_s3_uploads() finds.
// `headers` describe the object (metadata) and go with its beginning.
Result<S3UploadOutcome> upload_s3_in_parts(S3Client& client, const S3Limits& limits, const std::string& key,
                                           ByteView content, const std::vector<HttpHeader>& headers,
                                           S3Condition condition);

// Aborts uploads of keys that begin with `prefix` and were begun more than `older_than` ago by the server's clock.
// How many there were. One that another process is still sending after that time is lost to it, and begun again.
Result<std::size_t> sweep_s3_uploads(S3Client& client, const std::string& prefix, Micros older_than);

}  // namespace holdfast
