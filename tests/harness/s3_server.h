#pragma once
// The real S3 server that tests may use: HOLDFAST_TEST_S3_ENDPOINT, _ACCESS_KEY, _SECRET_KEY and _BUCKET name it.
// tests/s3-server starts one and prints these variables.
#include <memory>
#include <optional>

#include "shared/os/clock.h"
#include "shared/os/system_entropy.h"
#include "shared/store/s3/curl_transport.h"
#include "shared/store/s3/s3_store.h"

namespace holdfast {

class S3Server {
 public:
  // nullptr when the variables are not set; then missing() says so. The bucket is made when it is not there; with
  // `suffix` another one beside it, `headers` go with its making.
  static std::unique_ptr<S3Server> from_environment(const std::string& suffix = {},
                                                    const std::vector<HttpHeader>& headers = {});
  static std::string missing();
  // Of an access key that may do nothing but what a bucket's policy says: HOLDFAST_TEST_S3_HOST_ACCESS_KEY (also the
  // user's name) and _HOST_SECRET_KEY.
  static std::optional<S3Credentials> host_credentials();

  // A store below a prefix that nobody has used.
  std::unique_ptr<S3Store> fresh_store(S3Limits limits = {});
  const S3Settings& settings() const { return settings_; }
  S3Store::Parts parts();
  S3Credentials credentials() const { return {access_key_, SecretText(secret_key_), SecretText()}; }
  void remove_everything(Store& store);

 private:
  S3Server() = default;
  S3Settings settings_;
  std::string access_key_;
  std::string secret_key_;
  SystemClock clock_;
  SystemEntropy entropy_;
  std::unique_ptr<CurlTransport> transport_;
};

}  // namespace holdfast
