#include "shared/store/s3/address.h"

#include "shared/store/s3/sigv4.h"

namespace holdfast {

S3Address s3_address(const S3Endpoint& endpoint, S3Addressing addressing, const std::string& bucket,
                     const std::string& key) {
  S3Address out;
  out.host = endpoint.authority();
  out.path = "/" + key;
  if (addressing == S3Addressing::host) {
    out.host = bucket + "." + out.host;
  } else {
    out.path = "/" + bucket + (key.empty() ? "" : "/" + key);
  }
  out.url =
      (endpoint.scheme == S3Endpoint::Scheme::https ? "https://" : "http://") + out.host + uri_encode_path(out.path);
  return out;
}

}  // namespace holdfast
