#pragma once
// Objects that cannot be removed before a time (AWS: "S3 Object Lock"). Mode GOVERNANCE: only a principal with the
// right to bypass it, which neither hosts nor the coordinator should have, can end it sooner.
#include <string>
#include <vector>

#include "shared/crypto/keys.h"
#include "shared/store/s3/client.h"

namespace holdfast {

// For a PUT, or the beginning of an upload in parts.
std::vector<HttpHeader> s3_lock_headers(Timestamp until);

// A server that keeps objects wants their bytes vouched for when they come: the SHA-256 that is known anyway.
HttpHeader s3_checksum_header(const Sha256& digest);

// Never shortens what is set. Code::unsupported: the bucket was made without object lock; Code::not_found.
Result<> keep_s3_object(S3Client& client, const std::string& key, Timestamp until);

}  // namespace holdfast
