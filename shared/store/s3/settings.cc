#include "shared/store/s3/settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "shared/store/store.h"

namespace holdfast {
namespace {

constexpr std::uint64_t mebi = 1ULL << 20U;
constexpr std::uint64_t gibi = 1ULL << 30U;

bool is_lower_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

std::unexpected<Error> refuse(std::string_view field, const std::string& why, std::string hint = {}) {
  return fail(Code::invalid, fmt::format("\"{}\" {}", field, why), std::move(hint));
}

bool is_host(std::string_view host) {
  if (host.starts_with('[')) {
    return host.size() > 3 && host.ends_with(']') &&
           host.substr(1, host.size() - 2).find_first_not_of("0123456789abcdef:.") == std::string_view::npos;
  }
  return !host.empty() && host.size() <= 253 && !host.starts_with('.') && !host.starts_with('-') &&
         host.find("..") == std::string_view::npos &&
         std::ranges::all_of(host, [](char c) { return is_lower_alphanumeric(c) || c == '-' || c == '.'; });
}

// AWS: "Bucket naming rules". Older buckets with capitals or underscores exist elsewhere; they work by path only.
Result<> check_bucket(const S3Settings& settings, const S3Endpoint& endpoint) {
  const std::string& bucket = settings.bucket;
  if (bucket.empty()) return refuse("bucket", "is missing");
  if (bucket.size() < 3 || bucket.size() > 63) return refuse("bucket", "must have 3 to 63 characters");
  const bool dns = is_lower_alphanumeric(bucket.front()) && is_lower_alphanumeric(bucket.back()) && is_host(bucket);
  if (settings.addressing == S3Addressing::host) {
    if (!dns) return refuse("bucket", "is no part of a host name", "take addressing by path");
    if (endpoint.scheme == S3Endpoint::Scheme::https && bucket.find('.') != std::string::npos) {
      return refuse("bucket", "has dots, which no wildcard certificate covers", "take addressing by path");
    }
    if (endpoint.host.find_first_not_of("0123456789.") == std::string::npos || endpoint.host.starts_with('[')) {
      return refuse("addressing", "by host needs an endpoint with a name, not an address", "take addressing by path");
    }
  }
  const bool known = std::ranges::all_of(bucket, [](char c) {
    return is_lower_alphanumeric(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '-' || c == '_';
  });
  if (!known || bucket.starts_with('.')) return refuse("bucket", "may have A-Z a-z 0-9 . _ and - in it only");
  return {};
}

Result<> check_limits(const S3Limits& limits) {
  if (limits.upload_part < 5 * mebi || limits.upload_part > 5 * gibi) {
    return refuse("upload_part", "must be 5 MiB to 5 GiB");
  }
  if (limits.multipart_above < 1 || limits.multipart_above > 5 * gibi) {
    return refuse("multipart_above", "must be 1 byte to 5 GiB");
  }
  if (limits.read_part < 64UL * 1024 || limits.read_part > 5 * gibi) {
    return refuse("read_part", "must be 64 KiB to 5 GiB");
  }
  if (limits.parallel < 1 || limits.parallel > 64) return refuse("parallel", "must be 1 to 64");
  if (limits.attempts < 1 || limits.attempts > 100) return refuse("attempts", "must be 1 to 100");
  if (limits.longest_wait < Micros(0) || limits.longest_wait > std::chrono::hours(1)) {
    return refuse("longest_wait", "must be 0s to 1h");
  }
  if (limits.longest_read < limits.read_part) return refuse("longest_read", "must not be less than \"read_part\"");
  return {};
}

Result<> check_timeouts(const S3Timeouts& timeouts) {
  const auto in_range = [](Micros value) { return value >= std::chrono::seconds(1) && value <= std::chrono::hours(1); };
  if (!in_range(timeouts.connect)) return refuse("connect", "must be 1s to 1h");
  if (!in_range(timeouts.stall)) return refuse("stall", "must be 1s to 1h");
  if (timeouts.stall_bytes < 1) return refuse("stall_bytes", "must be at least 1");
  return {};
}

}  // namespace

std::string S3Endpoint::authority() const {
  const std::uint16_t usual = scheme == Scheme::https ? 443 : 80;
  return port && *port != usual ? fmt::format("{}:{}", host, *port) : host;
}

std::string S3Endpoint::url() const {
  return (scheme == Scheme::https ? "https://" : "http://") + authority();
}

Result<S3Endpoint> parse_s3_endpoint(const std::string& text) {
  S3Endpoint out;
  std::string_view rest = text;
  if (rest.empty()) return refuse("endpoint", "is missing");
  if (rest.starts_with("http://")) {
    out.scheme = S3Endpoint::Scheme::http;
    rest.remove_prefix(7);
  } else if (rest.starts_with("https://")) {
    rest.remove_prefix(8);
  } else {
    return refuse("endpoint", "does not begin with \"https://\" or \"http://\"");
  }
  if (rest.ends_with('/')) rest.remove_suffix(1);
  if (rest.find_first_of("/?#@") != std::string_view::npos) {
    return refuse("endpoint", "has more than a host and a port", "the bucket and the prefix are settings of their own");
  }
  const auto colon = rest.find_last_of(':');
  if (colon != std::string_view::npos && rest.find(']', colon) == std::string_view::npos) {
    const std::string_view digits = rest.substr(colon + 1);
    std::uint16_t port = 0;
    const auto [end, problem] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (problem != std::errc() || end != digits.data() + digits.size() || port == 0) {
      return refuse("endpoint", "has a port that is none");
    }
    out.port = port;
    rest = rest.substr(0, colon);
  }
  out.host = std::string(rest);
  std::ranges::transform(out.host, out.host.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  if (!is_host(out.host)) return refuse("endpoint", "has no host that could be one");
  return out;
}

bool is_s3_region(std::string_view text) {
  return !text.empty() && text.size() <= 63 && !text.starts_with('-') &&
         std::ranges::all_of(text, [](char c) { return is_lower_alphanumeric(c) || c == '-'; });
}

Result<> check_s3_settings(const S3Settings& settings) {
  const S3Endpoint endpoint = TRY(parse_s3_endpoint(settings.endpoint));
  if (!is_s3_region(settings.region)) return refuse("region", "may have a-z 0-9 and - in it only");
  TRY(check_bucket(settings, endpoint));
  if (!settings.prefix.empty()) {
    // Together with an object's name it must stay below the 1024 bytes of a key.
    if (settings.prefix.size() > 400) return refuse("prefix", "is longer than 400 bytes");
    if (auto checked = check_object_name(settings.prefix); !checked) {
      return refuse("prefix", "will not do: " + checked.error().message);
    }
  }
  if (!settings.ca_file.empty() && !settings.ca_file.starts_with('/')) {
    return refuse("ca_file", "is not an absolute path");
  }
  TRY(check_timeouts(settings.timeouts));
  return check_limits(settings.limits);
}

}  // namespace holdfast
