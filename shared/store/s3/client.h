#pragma once
// Requests to one bucket, authorised, and tried again as long as that makes sense.
#include <memory>

#include "shared/store/s3/authority.h"
#include "shared/store/s3/backoff.h"
#include "shared/store/s3/request.h"
#include "shared/store/s3/settings.h"

namespace holdfast {

// Safe from many threads.
class S3Client {
 public:
  // `settings` are checked. What is referred to must outlive it.
  S3Client(const S3Settings& settings, S3Endpoint endpoint, HttpTransport& transport, S3Access access, Clock& clock,
           Entropy& entropy);

  // Any final answer is a value, refused or not. Error: no answer, or a refusal that passes and did not in all
  // attempts.
  Result<S3Reply> send(const S3Request& request);

  // Whether it would be authorised now. Nothing is sent to the server.
  Result<> may(const S3Request& request);

  // A refusal as an error.
  static Error error_of(const S3Reply& reply);

  // The server's clock, as far as it has shown.
  Timestamp server_now() const;

 private:
  Result<HttpResponse> exchange(const S3Request& request, const S3Authorised& authorised);
  S3Reply understood(const S3Request& request, HttpResponse response) const;

  HttpTransport& transport_;
  const std::shared_ptr<S3Authority> authority_;
  Backoff backoff_;
  const std::uint32_t attempts_;
};

}  // namespace holdfast
