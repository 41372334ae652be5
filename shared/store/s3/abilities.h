#pragma once
// Finding out what an S3 server can do.
#include <string>

#include "shared/base/entropy.h"
#include "shared/store/abilities.h"
#include "shared/store/s3/client.h"

namespace holdfast {

// Writes a probe object at `key` twice, reads it and removes it; asks for the bucket's object lock. A key that may not
// remove leaves the probe to one that may: a host should hold no other. Code::corrupt: what was written does not come
// back.
Result<StoreAbilities> probe_s3_abilities(S3Client& client, const S3Limits& limits, const std::string& key);

}  // namespace holdfast
