#pragma once
// Puts by a form that somebody else has signed (AWS: "Browser-Based Uploads Using POST", Signature Version 4). What is
// signed is not a request but what every request must keep to, so that objects with names that nobody knows yet can be
// put for days. Pure.
#include "shared/crypto/keys.h"
#include "shared/fleet/bucket_pass.h"
#include "shared/store/s3/credentials.h"
#include "shared/store/s3/sigv4.h"

namespace holdfast {

struct S3PostPolicy {
  std::string bucket;
  // With '/' at its end: keys that begin with it. Otherwise exactly this key.
  std::string key;
  Timestamp expires;
};

// The longest object that a form can bring (AWS).
constexpr std::uint64_t s3_longest_post = 5ULL << 30U;

// The JSON that is signed.
std::string s3_policy_document(const S3PostPolicy& policy, const SigV4Stamp& stamp);

// The fields that a form needs besides the key, what describes the object, and the object.
std::vector<BucketPass::Field> sign_s3_policy(const S3PostPolicy& policy, const S3Credentials& credentials,
                                              const SigV4Scope& scope, Timestamp time);

// The form: multipart/form-data (RFC 7578), with the object as its last part.
struct S3Form {
  std::string content_type;  // of the request
  Bytes body;
};
// `about`: headers of the object (metadata), which a policy must allow. The boundary comes from the object's digest, so
// that the object cannot contain it.
S3Form s3_form(const std::vector<BucketPass::Field>& fields, const std::string& key,
               const std::vector<HttpHeader>& about, ByteView content, const Sha256& digest);

}  // namespace holdfast
