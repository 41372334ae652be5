#pragma once
// Passes to a bucket, signed by whoever has its access key. Whether somebody may have one is decided elsewhere. Pure.
#include "shared/fleet/bucket_pass.h"
#include "shared/store/s3/credentials.h"
#include "shared/store/s3/settings.h"

namespace holdfast {

// A pass to put is good for as long as AWS takes a signature, and so for as long as hosts can write while there is
// nobody to ask; every other one for as long as it takes to use it.
constexpr Micros s3_put_pass_life = std::chrono::hours(24 * 7);
constexpr Micros s3_read_pass_life = std::chrono::hours(1);

// `time` is the server's. `settings` and `wish` are checked. Code::invalid: the credentials are temporary ones, which
// would take the passes with them.
Result<BucketPass> sign_bucket_wish(const S3Settings& settings, const S3Credentials& credentials,
                                    const BucketWish& wish, Timestamp time);

// What may be asked for at all: names as objects have them, the fields of its kind and no others.
Result<> check_bucket_wish(const BucketWish& wish);

}  // namespace holdfast
