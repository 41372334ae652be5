#pragma once
// Requests that somebody else signs: for each thing to be done a pass is asked for, and used again while it lives.
#include <map>
#include <set>

#include "shared/base/mutex.h"
#include "shared/fleet/bucket_pass.h"
#include "shared/os/clock.h"
#include "shared/store/s3/authority.h"
#include "shared/store/s3/settings.h"

namespace holdfast {

// Which pass will do: any that lives, or a newer one since the server has refused the one before.
enum class PassAge : std::uint8_t { any, newer };
// Safe from many threads. Code::unavailable: nobody can be asked now. Code::denied: the wish is not granted.
using AskForPass = std::function<Result<BucketPass>(const BucketWish& wish, PassAge age)>;

class AskedS3Authority final : public S3Authority {
 public:
  // `settings` are checked; the clock outlives it. Passes to put are asked for each time: who answers keeps them.
  AskedS3Authority(const S3Settings& settings, AskForPass ask, Clock& clock);

  // Code::denied for what a pass cannot be for: removing, parts, locks.
  Result<S3Authorised> authorise(const S3Request& request) override;
  Timestamp server_now() const override { return clock_.now(); }

 private:
  struct Known {
    BucketPass pass;
    Micros until{0};  // of the steady clock
  };
  struct Passes {
    std::map<BucketWish, Known> known;  // to read
    std::set<BucketWish> refused;       // by the server; a newer one is to be asked for
  };
  Result<BucketWish> wish_of(const S3Request& request) const;
  Result<BucketPass> pass_for(const BucketWish& wish, PassAge age);

  const std::string key_prefix_;  // "prefix/" or nothing
  const AskForPass ask_;
  Clock& clock_;
  Guarded<Passes> passes_;
};

}  // namespace holdfast
