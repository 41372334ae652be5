#pragma once
// Requests signed with an access key of our own. What it learns on the way (the bucket's region, how wrong our clock
// is, renewed credentials) holds for everything after.
#include "shared/base/mutex.h"
#include "shared/os/clock.h"
#include "shared/store/s3/authority.h"
#include "shared/store/s3/settings.h"

namespace holdfast {

class OwnS3Authority final : public S3Authority {
 public:
  // `settings` are checked; the clock outlives it.
  OwnS3Authority(const S3Settings& settings, S3Endpoint endpoint, LoadS3Credentials credentials, Clock& clock);

  Result<S3Authorised> authorise(const S3Request& request) override;
  Timestamp server_now() const override;

 private:
  struct Bearings {
    S3Endpoint endpoint;
    std::string region;
    Micros skew{0};  // server minus us
    std::shared_ptr<const S3Credentials> credentials;
  };
  Result<Bearings> bearings();
  bool learn(const Bearings& used, const S3Reply& reply);
  bool learn_region(const Bearings& used, const S3Reply& reply);
  bool learn_time(const Bearings& used, const S3Reply& reply);
  bool learn_credentials(const Bearings& used, const S3Reply& reply);

  const LoadS3Credentials load_credentials_;
  Clock& clock_;
  const std::string bucket_;
  const S3Addressing addressing_;
  Guarded<Bearings> bearings_;
};

}  // namespace holdfast
