#pragma once
// The seam below the S3 store: one HTTP exchange, without any opinion about what the answer means. Programs put libcurl
// under it, tests a script of answers.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/result.h"

namespace holdfast {

struct HttpHeader {
  std::string name;
  std::string value;
};

enum class HttpMethod : std::uint8_t { get, head, put, post, remove };
std::string_view to_string(HttpMethod method);  // "DELETE" for remove

struct HttpRequest {
  HttpMethod method = HttpMethod::get;
  std::string url;                   // sent as it is, no part is encoded or resolved again
  std::vector<HttpHeader> headers;   // besides Content-Length, which is that of `body`
  ByteView body;                     // must outlive the exchange
  std::uint64_t response_limit = 0;  // bytes of an answer's body
};

struct HttpResponse {
  int status = 0;
  std::vector<HttpHeader> headers;
  Bytes body;

  // Names compare without case; the first one counts.
  std::optional<std::string_view> header(std::string_view name) const;
  // Content-Length, when there is one and it is a number.
  std::optional<std::uint64_t> content_length() const;
};

// Safe from many threads.
class HttpTransport {
 public:
  virtual ~HttpTransport() = default;
  // Any complete answer is a value, whatever its status; redirects are not followed. Complete: as long as its
  // Content-Length says. Errors name the host, never a header:
  // Code::unavailable, Code::timed_out: no complete answer, though the server may have acted; another try may help.
  // Code::denied: the server is not who it should be (TLS). Code::exhausted: the answer is longer than the limit.
  virtual Result<HttpResponse> exchange(const HttpRequest& request) = 0;
};

}  // namespace holdfast
