#pragma once
// Where in the web a key of a bucket is.
#include <string>

#include "shared/store/s3/settings.h"

namespace holdfast {

struct S3Address {
  std::string host;  // what the Host header says
  std::string path;  // not encoded; begins with '/'
  std::string url;   // encoded, without a query
};

// An empty key is the bucket itself.
S3Address s3_address(const S3Endpoint& endpoint, S3Addressing addressing, const std::string& bucket,
                     const std::string& key);

}  // namespace holdfast
