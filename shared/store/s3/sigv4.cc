#include "shared/store/s3/sigv4.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "shared/crypto/keys.h"

namespace holdfast {
namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

std::string encoded(std::string_view text, std::string_view also_kept) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (is_unreserved(c) || also_kept.find(c) != std::string_view::npos) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += digits[byte >> 4U];
      out += digits[byte & 15U];
    }
  }
  return out;
}

// "20150830T123600Z"
std::string amz_date(Timestamp time) {
  const std::string text = to_rfc3339(time);  // "2015-08-30T12:36:00[.123456]Z"
  std::string out;
  for (const char c : std::string_view(text).substr(0, 19)) {
    if (c != '-' && c != ':') out += c;
  }
  return out + "Z";
}

std::string scope_text(const SigV4Scope& scope, Timestamp time) {
  return fmt::format("{}/{}/{}/aws4_request", amz_date(time).substr(0, 8), scope.region, scope.service);
}

// Without white space at the ends, and every stretch of it inside is one space.
std::string trimmed(std::string_view value) {
  std::string out;
  bool gap = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      gap = true;
      continue;
    }
    if (gap && !out.empty()) out += ' ';
    gap = false;
    out += c;
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

// By lower-case name; the values of repeated headers in their order, joined by commas.
std::map<std::string, std::string> canonical_headers(const std::vector<HttpHeader>& headers) {
  std::map<std::string, std::string> out;
  for (const HttpHeader& header : headers) {
    const auto [at, is_new] = out.emplace(lower(header.name), trimmed(header.value));
    if (!is_new) at->second += "," + trimmed(header.value);
  }
  return out;
}

std::string signed_headers(const std::vector<HttpHeader>& headers) {
  std::string names;
  for (const auto& [name, value] : canonical_headers(headers)) {
    if (!names.empty()) names += ';';
    names += name;
  }
  return names;
}

Secret<32> hmac_key(ByteView key, std::string_view message) {
  Sha256 digest = hmac_sha256(key, as_bytes(message));
  Secret<32> out;
  std::ranges::copy(digest, out.writable().begin());
  sodium_memzero(digest.data(), digest.size());
  return out;
}

Secret<32> signing_key(const S3Credentials& credentials, const SigV4Scope& scope, Timestamp time) {
  constexpr std::string_view version = "AWS4";
  Bytes first = to_bytes(as_bytes(version));
  first.reserve(version.size() + credentials.secret_access_key.bytes().size());
  append(first, credentials.secret_access_key.bytes());
  const Secret<32> date = hmac_key(first, amz_date(time).substr(0, 8));
  sodium_memzero(first.data(), first.size());
  const Secret<32> region = hmac_key(date.bytes(), scope.region);
  const Secret<32> service = hmac_key(region.bytes(), scope.service);
  return hmac_key(service.bytes(), "aws4_request");
}

std::string signature_of(const SigV4Request& request, std::string_view payload_hash, const S3Credentials& credentials,
                         const SigV4Scope& scope, Timestamp time) {
  return sign_text(string_to_sign(canonical_request(request, payload_hash), scope, time), credentials, scope, time);
}

}  // namespace

std::string uri_encode(std::string_view text) {
  return encoded(text, "");
}

std::string uri_encode_path(std::string_view path) {
  return encoded(path, "/");
}

std::string canonical_query(const std::vector<QueryParameter>& query) {
  std::vector<std::pair<std::string, std::string>> parts;
  parts.reserve(query.size());
  for (const QueryParameter& parameter : query) {
    parts.emplace_back(uri_encode(parameter.name), uri_encode(parameter.value));
  }
  std::ranges::sort(parts);
  std::string out;
  for (const auto& [name, value] : parts) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

std::string canonical_request(const SigV4Request& request, std::string_view payload_hash) {
  std::string headers;
  for (const auto& [name, value] : canonical_headers(request.headers)) headers += name + ":" + value + "\n";
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}", request.method, uri_encode_path(request.path),
                     canonical_query(request.query), headers, signed_headers(request.headers), payload_hash);
}

std::string string_to_sign(std::string_view canonical_request, const SigV4Scope& scope, Timestamp time) {
  return fmt::format("{}\n{}\n{}\n{}", algorithm, amz_date(time), scope_text(scope, time),
                     to_hex(sha256(as_bytes(canonical_request))));
}

void sign_with_headers(SigV4Request& request, std::string_view payload_hash, const S3Credentials& credentials,
                       const SigV4Scope& scope, Timestamp time) {
  request.headers.push_back({"X-Amz-Date", amz_date(time)});
  if (!credentials.session_token.empty()) {
    request.headers.push_back({"X-Amz-Security-Token", std::string(as_text(credentials.session_token.bytes()))});
  }
  const std::string names = signed_headers(request.headers);
  request.headers.push_back(
      {"Authorization",
       fmt::format("{} Credential={}/{}, SignedHeaders={}, Signature={}", algorithm, credentials.access_key_id,
                   scope_text(scope, time), names, signature_of(request, payload_hash, credentials, scope, time))});
}

SigV4Stamp stamp_of(const S3Credentials& credentials, const SigV4Scope& scope, Timestamp time) {
  return {std::string(algorithm), credentials.access_key_id + "/" + scope_text(scope, time), amz_date(time)};
}

std::string sign_text(std::string_view text, const S3Credentials& credentials, const SigV4Scope& scope,
                      Timestamp time) {
  return to_hex(hmac_sha256(signing_key(credentials, scope, time).bytes(), as_bytes(text)));
}

std::string presigned_query(SigV4Request request, std::string_view payload_hash, const S3Credentials& credentials,
                            const SigV4Scope& scope, Timestamp time, Micros valid) {
  const SigV4Stamp stamp = stamp_of(credentials, scope, time);
  request.query.push_back({"X-Amz-Algorithm", stamp.algorithm});
  request.query.push_back({"X-Amz-Credential", stamp.credential});
  request.query.push_back({"X-Amz-Date", stamp.date});
  request.query.push_back(
      {"X-Amz-Expires", std::to_string(std::chrono::duration_cast<std::chrono::seconds>(valid).count())});
  request.query.push_back({"X-Amz-SignedHeaders", signed_headers(request.headers)});
  if (!credentials.session_token.empty()) {
    request.query.push_back({"X-Amz-Security-Token", std::string(as_text(credentials.session_token.bytes()))});
  }
  const std::string signature = signature_of(request, payload_hash, credentials, scope, time);
  return canonical_query(request.query) + "&X-Amz-Signature=" + signature;
}

}  // namespace holdfast
