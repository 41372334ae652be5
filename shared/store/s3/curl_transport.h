#pragma once
// HTTP by libcurl, which stops here. Connections are kept and used again; certificates are always verified. The program
// must ignore SIGPIPE (StopOnSignal does): writing to a TLS connection that was closed raises it.
#include <memory>

#include "shared/base/mutex.h"
#include "shared/store/s3/http_transport.h"
#include "shared/store/s3/settings.h"

namespace holdfast {

class CurlTransport final : public HttpTransport {
 public:
  // `ca_file` empty: the system's authorities. Code::internal when libcurl cannot be set up.
  static Result<std::unique_ptr<CurlTransport>> open(const S3Timeouts& timeouts, const std::string& ca_file);
  ~CurlTransport() override;  // after every exchange has ended
  CurlTransport(const CurlTransport&) = delete;
  CurlTransport& operator=(const CurlTransport&) = delete;

  // Proxies are taken from the environment (https_proxy, no_proxy) as libcurl does.
  Result<HttpResponse> exchange(const HttpRequest& request) override;

 private:
  class Library;
  class Handles;
  CurlTransport(const S3Timeouts& timeouts, std::string ca_file, std::unique_ptr<Library> library);

  const S3Timeouts timeouts_;
  const std::string ca_file_;
  std::unique_ptr<Library> library_;  // outlives the handles
  std::unique_ptr<Handles> handles_;
};

}  // namespace holdfast
