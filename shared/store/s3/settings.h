#pragma once
// Where an S3 store is and how it is spoken to. Credentials are not among it: settings are kept and shown, see
// credentials.h.
#include <cstdint>
#include <optional>
#include <string>

#include "shared/base/time.h"

namespace holdfast {

// "https://server/bucket/key" or "https://bucket.server/key". Ceph, MinIO and the like: path, unless they have a
// wildcard name. AWS takes both.
enum class S3Addressing : std::uint8_t { path, host };

struct S3Timeouts {
  Micros connect = std::chrono::seconds(10);  // name, TCP and TLS together
  // A transfer that moves less than `stall_bytes` a second for this long has failed. There is no limit in all: how long
  // 64 MiB may take depends on the line.
  Micros stall = std::chrono::seconds(30);
  std::uint32_t stall_bytes = 1024;
};

struct S3Limits {
  std::uint64_t multipart_above = 128ULL << 20U;   // bytes; longer objects are put in parts. At most 5 GiB (AWS)
  std::uint64_t upload_part = 16ULL << 20U;        // bytes; 5 MiB to 5 GiB (AWS), larger when 10 000 would not do
  std::uint64_t read_part = 16ULL << 20U;          // bytes; longer reads are cut into ranges of this length
  std::uint32_t parallel = 4;                      // parts of one object under way at once; 1 to 64
  std::uint32_t attempts = 10;                     // of one request, the first one among them; 1 to 100
  Micros longest_wait = std::chrono::seconds(20);  // between two attempts
  // An object that claims to be longer is not read: a read's memory is its length.
  std::uint64_t longest_read = 16ULL << 30U;
};

struct S3Settings {
  std::string endpoint;              // "https://s3.eu-central-1.amazonaws.com", "http://10.0.0.5:8000"
  std::string region = "us-east-1";  // Ceph and MinIO take any unless told otherwise
  std::string bucket;
  std::string prefix = {};  // what the names of this store's objects begin with, without '/' at its ends; may be empty
  S3Addressing addressing = S3Addressing::path;
  std::string ca_file = {};  // PEM; instead of the system's authorities when not empty
  Micros lock{0};            // what is put cannot be removed for this long, where the bucket can do that; 0: it can
  S3Timeouts timeouts = {};
  S3Limits limits = {};
};

struct S3Endpoint {
  enum class Scheme : std::uint8_t { http, https } scheme = Scheme::https;
  std::string host;  // lower case; an IPv6 address is in brackets
  std::optional<std::uint16_t> port;

  // What the Host header says: without the scheme's usual port.
  std::string authority() const;
  std::string url() const;  // without a path
};

// "http://" or "https://", a host and perhaps a port, nothing after it. Code::invalid names "endpoint".
Result<S3Endpoint> parse_s3_endpoint(const std::string& text);

// Every field; Code::invalid names the first that will not do.
Result<> check_s3_settings(const S3Settings& settings);

// What a server says its region is may become part of a host name: [a-z0-9-], 1 to 63.
bool is_s3_region(std::string_view text);

}  // namespace holdfast
