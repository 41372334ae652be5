#include "shared/store/s3/reading.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "shared/base/parallel.h"

namespace holdfast {
namespace {

constexpr int whole_reads = 3;
// A body that is neither content nor an error document of a sane server.
constexpr std::uint64_t refusal_limit = 1ULL << 20U;

struct Range {
  std::uint64_t from = 0;
  std::uint64_t length = 0;
};

struct ContentRange {
  std::uint64_t from = 0;
  std::uint64_t to = 0;  // the last byte
  std::uint64_t total = 0;
};

// "bytes 0-499/1234" (RFC 9110, section 14.4); an unknown total, '*', is of no use here.
std::optional<ContentRange> parse_content_range(std::string_view text) {
  constexpr std::string_view unit = "bytes ";
  if (!text.starts_with(unit)) return std::nullopt;
  ContentRange out;
  const char* at = text.data() + unit.size();
  const char* const end = text.data() + text.size();
  const auto number = [&](std::uint64_t& into, char after) {
    const auto [next, problem] = std::from_chars(at, end, into);
    if (problem != std::errc() || (after == '\0' ? next != end : next == end || *next != after)) return false;
    at = next + (after == '\0' ? 0 : 1);
    return true;
  };
  if (!number(out.from, '-') || !number(out.to, '/') || !number(out.total, '\0')) return std::nullopt;
  if (out.from > out.to || out.to >= out.total) return std::nullopt;
  return out;
}

std::unexpected<Error> damaged(const std::string& how) {
  return fail(Code::corrupt, "the answer is damaged: " + how);
}

// Without a length nobody could tell an answer that was cut from a whole one.
Result<> check_length(const HttpResponse& response) {
  const auto length = response.content_length();
  if (!length) return damaged("no Content-Length");
  if (*length != response.body.size()) {
    return damaged(fmt::format("{} bytes of {}", response.body.size(), *length));
  }
  return {};
}

// Of a 206: that it is the range that was asked for, up to the end of the object.
Result<ContentRange> check_range(const HttpResponse& response, const Range& asked) {
  TRY(check_length(response));
  const auto range = parse_content_range(response.header("content-range").value_or(""));
  if (!range) return damaged("no Content-Range");
  const std::uint64_t end = range->to + 1;
  if (range->from != asked.from || response.body.size() != end - range->from ||
      end != std::min(range->total, asked.from + asked.length)) {
    return damaged(fmt::format("bytes {}-{} of {} instead of {} from {}", range->from, range->to, range->total,
                               asked.length, asked.from));
  }
  return *range;
}

// An <Error> with status 200 is not the object. One of ours shows its digest, whatever it holds.
Result<> check_is_content(const HttpResponse& response) {
  if (response.header(s3_digest_header)) return {};
  auto refusal = parse_s3_error(response.body);
  if (!refusal) return {};
  return std::unexpected(S3Client::error_of({{response.status, {}, {}}, std::move(refusal)}));
}

bool fits_digest(const HttpResponse& response, ByteView content) {
  const auto digest = response.header(s3_digest_header);
  return !digest || *digest == to_hex(sha256(content));
}

S3Request get_request(const std::string& key, std::optional<Range> range, std::uint64_t limit) {
  S3Request request;
  request.key = key;
  if (range) {
    request.headers.push_back({"Range", fmt::format("bytes={}-{}", range->from, range->from + range->length - 1)});
  }
  request.response_limit = std::max(limit, refusal_limit);
  return request;
}

Result<S3Reply> get_range(S3Client& client, const std::string& key, const Range& range, const std::string& etag) {
  S3Request request = get_request(key, range, range.length);
  // Objects never change; if this one did, its parts do not belong together.
  if (!etag.empty()) request.headers.push_back({"If-Match", etag});
  request.check = [&](const HttpResponse& response) -> Result<> {
    // A server that ignores Range sends everything.
    if (response.status == 200) {
      TRY(check_length(response));
      return check_is_content(response);
    }
    TRY(check_range(response, range));
    return {};
  };
  return client.send(request);
}

// The rest of [span.from, +length) after what `first` has of it.
Result<Bytes> with_rest(S3Client& client, const S3Limits& limits, const std::string& key, const Range& span,
                        HttpResponse first) {
  const std::string etag(first.header("etag").value_or(""));
  const std::uint64_t done = first.body.size();
  Bytes content = std::move(first.body);
  content.resize(static_cast<std::size_t>(span.length));
  const std::uint64_t left = span.length - done;
  const auto count = static_cast<std::size_t>((left + limits.read_part - 1) / limits.read_part);
  TRY(in_parallel(count, limits.parallel, [&](std::size_t i) -> Result<> {
    const std::uint64_t at = done + i * limits.read_part;
    const Range part{span.from + at, std::min(limits.read_part, span.length - at)};
    const S3Reply reply = TRY(get_range(client, key, part, etag));
    if (reply.response.status == 412) return fail(Code::corrupt, "the object changed while it was read");
    if (!reply.ok()) return std::unexpected(S3Client::error_of(reply));
    if (reply.response.body.size() != part.length) return damaged("the object became shorter while it was read");
    std::ranges::copy(reply.response.body, content.begin() + static_cast<std::ptrdiff_t>(at));
    return {};
  }));
  return content;
}

// A server that says no to a range of an empty object, or whose objects are never long: all of it at once.
Result<S3Reply> get_unranged(S3Client& client, const S3Limits& limits, const std::string& key) {
  S3Request request = get_request(key, std::nullopt, limits.read_part);
  request.check = [](const HttpResponse& response) -> Result<> {
    TRY(check_length(response));
    TRY(check_is_content(response));
    if (!fits_digest(response, response.body)) return damaged("it does not fit its SHA-256");
    return {};
  };
  return client.send(request);
}

Result<S3ReadOutcome> read_once(S3Client& client, const S3Limits& limits, const std::string& key) {
  const Range first{0, limits.read_part};
  S3Reply reply = TRY(get_range(client, key, first, ""));
  if (reply.response.status == 416) reply = TRY(get_unranged(client, limits, key));
  if (!reply.ok()) return S3ReadOutcome{std::nullopt, std::move(reply)};
  HttpResponse& response = reply.response;
  std::uint64_t total = response.body.size();
  if (response.status == 206) total = TRY(check_range(response, first)).total;
  if (total > limits.longest_read) {
    return fail(Code::exhausted, fmt::format("it has {} bytes, which is more than is read at once", total));
  }
  if (total == response.body.size()) {
    if (!fits_digest(response, response.body)) return damaged("it does not fit its SHA-256");
    return S3ReadOutcome{std::move(response.body), {}};
  }
  const HttpResponse headers{response.status, response.headers, {}};
  Bytes content = TRY(with_rest(client, limits, key, {0, total}, std::move(response)));
  if (!fits_digest(headers, content)) return damaged("it does not fit its SHA-256");
  return S3ReadOutcome{std::move(content), {}};
}

}  // namespace

Result<S3ReadOutcome> read_s3_object(S3Client& client, const S3Limits& limits, const std::string& key) {
  for (int read = 1;; ++read) {
    auto outcome = read_once(client, limits, key);
    if (outcome || outcome.error().code != Code::corrupt || read == whole_reads) return outcome;
  }
}

Result<S3ReadOutcome> read_s3_range(S3Client& client, const S3Limits& limits, const std::string& key,
                                    std::uint64_t offset, std::uint64_t length) {
  const auto ends_before = [&] {
    return fail(Code::corrupt, fmt::format("it ends before {} bytes from {}", length, offset));
  };
  const Range first{offset, std::min(length, limits.read_part)};
  S3Reply reply = TRY(get_range(client, key, first, ""));
  if (reply.response.status == 416) return ends_before();
  if (!reply.ok()) return S3ReadOutcome{std::nullopt, std::move(reply)};
  HttpResponse& response = reply.response;
  if (response.status != 206) {
    // Range was ignored, and the whole object came.
    if (response.body.size() < offset || response.body.size() - offset < length) return ends_before();
    const auto from = response.body.begin() + static_cast<std::ptrdiff_t>(offset);
    return S3ReadOutcome{Bytes(from, from + static_cast<std::ptrdiff_t>(length)), {}};
  }
  if (TRY(check_range(response, first)).total < offset + length) return ends_before();
  if (length == response.body.size()) return S3ReadOutcome{std::move(response.body), {}};
  if (length > limits.longest_read) {
    return fail(Code::exhausted, fmt::format("{} bytes are more than is read at once", length));
  }
  return S3ReadOutcome{TRY(with_rest(client, limits, key, {offset, length}, std::move(response))), {}};
}

}  // namespace holdfast
