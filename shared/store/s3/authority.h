#pragma once
// Who authorises a request to a bucket: an access key of our own, or somebody who has one and is asked.
#include <functional>
#include <memory>
#include <variant>

#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/store/s3/credentials.h"
#include "shared/store/s3/request.h"

namespace holdfast {

// A request as it is sent.
struct S3Authorised {
  HttpMethod method = HttpMethod::get;
  std::string url;
  std::vector<HttpHeader> headers;
  std::optional<Bytes> body;  // instead of the request's
  // Told of a refusal. True: what it says was learnt, and another try may fare better.
  std::function<bool(const S3Reply&)> learn;
};

// Safe from many threads.
class S3Authority {
 public:
  virtual ~S3Authority() = default;
  // Code::denied: this may not be done. Code::unavailable: whoever is asked cannot be reached now. Either is final:
  // whoever asks has tried long enough.
  virtual Result<S3Authorised> authorise(const S3Request& request) = 0;
  // The server's clock, as far as it has shown.
  virtual Timestamp server_now() const = 0;
};

// What an S3 store is given.
using S3Access = std::variant<LoadS3Credentials, std::shared_ptr<S3Authority>>;

}  // namespace holdfast
