#include "shared/store/s3/curl_transport.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

using Handle = UniqueHandle<CURL, curl_easy_cleanup>;
using HeaderList = UniqueHandle<curl_slist, curl_slist_free_all>;

constexpr std::size_t idle_handles_limit = 64;
constexpr std::size_t header_lines_limit = 200;
constexpr std::uint64_t reserve_limit = 64ULL << 20U;  // of what a server only claims to send
constexpr long buffer_size = 256L * 1024;

// One exchange, as the callbacks see it.
struct Exchange {
  ByteView body;
  std::size_t sent = 0;
  std::uint64_t response_limit = 0;
  bool too_long = false;
  HttpResponse response;
};

std::size_t on_read(char* to, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::size_t length = std::min(size * count, exchange.body.size() - exchange.sent);
  std::memcpy(to, exchange.body.data() + exchange.sent, length);
  exchange.sent += length;
  return length;
}

// A connection that was kept turns out to be closed: libcurl begins the body again on another.
int on_seek(void* context, curl_off_t offset, int origin) {
  auto& exchange = *static_cast<Exchange*>(context);
  if (origin != SEEK_SET || offset < 0 || static_cast<std::uint64_t>(offset) > exchange.body.size()) {
    return CURL_SEEKFUNC_FAIL;
  }
  exchange.sent = static_cast<std::size_t>(offset);
  return CURL_SEEKFUNC_OK;
}

std::size_t on_body(char* from, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  const std::size_t length = size * count;
  Bytes& body = exchange.response.body;
  if (length > exchange.response_limit - body.size()) {
    exchange.too_long = true;
    return 0;
  }
  if (body.empty()) {
    body.reserve(static_cast<std::size_t>(
        std::min({exchange.response.content_length().value_or(0), exchange.response_limit, reserve_limit})));
  }
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(from);
  body.insert(body.end(), bytes, bytes + length);
  return length;
}

std::size_t on_header(char* from, std::size_t size, std::size_t count, void* context) {
  auto& exchange = *static_cast<Exchange*>(context);
  std::string_view line(from, size * count);
  // "100 Continue" has headers of its own; only those of the last status line count.
  if (line.starts_with("HTTP/")) exchange.response.headers.clear();
  while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
  const auto colon = line.find(':');
  if (colon == std::string_view::npos) return size * count;
  if (exchange.response.headers.size() >= header_lines_limit) return 0;
  std::string_view value = line.substr(colon + 1);
  value.remove_prefix(std::min(value.find_first_not_of(" \t"), value.size()));
  exchange.response.headers.push_back({std::string(line.substr(0, colon)), std::string(value)});
  return size * count;
}

// "scheme://host:port" of a URL; the rest may be long.
std::string_view server_of(std::string_view url) {
  const auto scheme = url.find("://");
  return url.substr(0, url.find('/', scheme == std::string_view::npos ? 0 : scheme + 3));
}

Code code_of(CURLcode result) {
  switch (result) {
    case CURLE_OPERATION_TIMEDOUT:
      return Code::timed_out;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
      return Code::denied;
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_URL_MALFORMAT:
      return Code::invalid;
    case CURLE_OUT_OF_MEMORY:
      return Code::exhausted;
    default:
      return Code::unavailable;
  }
}

std::string_view hint_of(CURLcode result) {
  switch (result) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return "if the server's certificate is right, set \"ca_file\" to the authority that signed it";
    case CURLE_SSL_CACERT_BADFILE:
      return "see whether \"ca_file\" can be read and is PEM";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
      return "see whether the endpoint is right and can be reached from here";
    default:
      return "";
  }
}

template <class Value>
void set(CURL* handle, CURLoption option, Value value) {
  // Fails for options that this libcurl was built without, and for lack of memory.
  if (curl_easy_setopt(handle, option, value) != CURLE_OK) {
    throw std::runtime_error(fmt::format("libcurl does not take option {}", static_cast<int>(option)));
  }
}

void set_rules(CURL* handle, const S3Timeouts& timeouts, const std::string& ca_file) {
  set(handle, CURLOPT_NOSIGNAL, 1L);
  set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
  set(handle, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(handle, CURLOPT_FOLLOWLOCATION, 0L);
  set(handle, CURLOPT_PATH_AS_IS, 1L);
  set(handle, CURLOPT_SSL_VERIFYPEER, 1L);
  set(handle, CURLOPT_SSL_VERIFYHOST, 2L);
  set(handle, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!ca_file.empty()) set(handle, CURLOPT_CAINFO, ca_file.c_str());
  set(handle, CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(std::chrono::duration_cast<std::chrono::milliseconds>(timeouts.connect).count()));
  set(handle, CURLOPT_LOW_SPEED_LIMIT, static_cast<long>(timeouts.stall_bytes));
  set(handle, CURLOPT_LOW_SPEED_TIME,
      static_cast<long>(std::chrono::duration_cast<std::chrono::seconds>(timeouts.stall).count()));
  set(handle, CURLOPT_TCP_KEEPALIVE, 1L);
  set(handle, CURLOPT_BUFFERSIZE, buffer_size);
  set(handle, CURLOPT_UPLOAD_BUFFERSIZE, buffer_size);
  set(handle, CURLOPT_USERAGENT, "holdfast");
}

void set_method(CURL* handle, const HttpRequest& request, Exchange& exchange) {
  switch (request.method) {
    case HttpMethod::get:
      set(handle, CURLOPT_HTTPGET, 1L);
      return;
    case HttpMethod::head:
      set(handle, CURLOPT_NOBODY, 1L);
      return;
    case HttpMethod::remove:
      set(handle, CURLOPT_CUSTOMREQUEST, "DELETE");
      return;
    case HttpMethod::post:
      set(handle, CURLOPT_POST, 1L);
      set(handle, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      break;
    case HttpMethod::put:
      set(handle, CURLOPT_UPLOAD, 1L);
      set(handle, CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      break;
  }
  set(handle, CURLOPT_READFUNCTION, &on_read);
  set(handle, CURLOPT_READDATA, &exchange);
  set(handle, CURLOPT_SEEKFUNCTION, &on_seek);
  set(handle, CURLOPT_SEEKDATA, &exchange);
}

HeaderList header_list(const HttpRequest& request) {
  HeaderList list;
  const auto add = [&](const std::string& line) {
    curl_slist* longer = curl_slist_append(list.get(), line.c_str());
    if (longer == nullptr) throw std::bad_alloc();
    // Only the first line changes where the list begins.
    if (!list) list.reset(longer);
  };
  bool typed = false;
  for (const HttpHeader& header : request.headers) {
    // libcurl's form of a header without a value.
    add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
    typed = typed || header.name == "Content-Type";
  }
  // libcurl would call a POST a form.
  if (!typed) add("Content-Type:");
  return list;
}

}  // namespace

// libcurl counts its users and is safe to set up from several threads.
class CurlTransport::Library {
 public:
  explicit Library(CURLcode result) : result_(result) {}
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (result_ == CURLE_OK) curl_global_cleanup();
  }
  CURLcode result() const { return result_; }

 private:
  CURLcode result_;
};

// Handles that nobody uses at the moment, with their connections. A handle belongs to one exchange at a time.
class CurlTransport::Handles {
 public:
  Handle take() {
    Handle handle = idle_.with([](std::vector<Handle>& idle) {
      if (idle.empty()) return Handle();
      Handle last = std::move(idle.back());
      idle.pop_back();
      return last;
    });
    if (!handle) handle.reset(curl_easy_init());
    if (!handle) throw std::bad_alloc();
    return handle;
  }
  void give_back(Handle handle) {
    // Forgets the request and keeps connections, names and TLS sessions.
    curl_easy_reset(handle.get());
    idle_.with([&](std::vector<Handle>& idle) {
      if (idle.size() < idle_handles_limit) idle.push_back(std::move(handle));
    });
  }

 private:
  Guarded<std::vector<Handle>> idle_;
};

CurlTransport::CurlTransport(const S3Timeouts& timeouts, std::string ca_file, std::unique_ptr<Library> library)
    : timeouts_(timeouts),
      ca_file_(std::move(ca_file)),
      library_(std::move(library)),
      handles_(std::make_unique<Handles>()) {}

CurlTransport::~CurlTransport() = default;

Result<std::unique_ptr<CurlTransport>> CurlTransport::open(const S3Timeouts& timeouts, const std::string& ca_file) {
  auto library = std::make_unique<Library>(curl_global_init(CURL_GLOBAL_DEFAULT));
  if (library->result() != CURLE_OK) {
    return fail(Code::internal, fmt::format("libcurl cannot be set up: {}", curl_easy_strerror(library->result())));
  }
  return std::unique_ptr<CurlTransport>(new CurlTransport(timeouts, ca_file, std::move(library)));
}

Result<HttpResponse> CurlTransport::exchange(const HttpRequest& request) {
  Exchange exchange;
  exchange.body = request.body;
  exchange.response_limit = request.response_limit;
  Handle handle = handles_->take();
  CURL* const curl = handle.get();
  const HeaderList headers = header_list(request);
  std::array<char, CURL_ERROR_SIZE> problem{};
  set_rules(curl, timeouts_, ca_file_);
  set_method(curl, request, exchange);
  set(curl, CURLOPT_URL, request.url.c_str());
  set(curl, CURLOPT_HTTPHEADER, headers.get());
  set(curl, CURLOPT_WRITEFUNCTION, &on_body);
  set(curl, CURLOPT_WRITEDATA, &exchange);
  set(curl, CURLOPT_HEADERFUNCTION, &on_header);
  set(curl, CURLOPT_HEADERDATA, &exchange);
  set(curl, CURLOPT_ERRORBUFFER, problem.data());

  const CURLcode result = curl_easy_perform(curl);
  long status = 0;
  (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  handles_->give_back(std::move(handle));
  const std::string server(server_of(request.url));
  if (exchange.too_long) {
    return fail(Code::exhausted, fmt::format("{}: the answer is longer than {} bytes", server, request.response_limit));
  }
  if (result != CURLE_OK) {
    return fail(code_of(result),
                fmt::format("{}: {}", server, problem[0] != '\0' ? problem.data() : curl_easy_strerror(result)),
                std::string(hint_of(result)));
  }
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

}  // namespace holdfast
