#include "shared/store/s3/multipart.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/base/parallel.h"
#include "shared/store/s3/http_date.h"

namespace holdfast {
namespace {

constexpr std::uint64_t parts_limit = 10'000;        // AWS: "Amazon S3 multipart upload limits"
constexpr std::uint32_t abort_attempts = 2;          // it is only tidying up
constexpr std::size_t upload_pages_limit = 100'000;  // of a list that does not end

class Upload {
 public:
  Upload(S3Client& client, const S3Limits& limits, const std::string& key, ByteView content)
      : client_(client), limits_(limits), key_(key), content_(content) {
    part_size_ = s3_part_size(limits, content.size());
    const std::uint64_t count = std::max<std::uint64_t>(1, (content.size() + part_size_ - 1) / part_size_);
    parts_.resize(static_cast<std::size_t>(count));
  }

  Result<> begin(const std::vector<HttpHeader>& headers) {
    S3Request request;
    request.method = HttpMethod::post;
    request.key = key_;
    request.query = {{"uploads", ""}};
    request.headers = headers;
    request.answer = S3Request::Answer::document;
    request.check = [&](const HttpResponse& response) -> Result<> {
      id_ = TRY(parse_s3_upload_id(response.body));
      return {};
    };
    const S3Reply reply = TRY(client_.send(request));
    if (!reply.ok()) return std::unexpected(S3Client::error_of(reply));
    return {};
  }

  // false: the server does not know this upload.
  Result<bool> send_parts() {
    std::atomic<bool> known{true};
    auto done = in_parallel(parts_.size(), limits_.parallel, [&](std::size_t i) -> Result<> {
      const S3Reply reply = TRY(send_part(i));
      if (reply.ok()) return {};
      if (reply.refused_with("NoSuchUpload")) known = false;
      return std::unexpected(S3Client::error_of(reply));
    });
    if (!done && known) return std::unexpected(std::move(done).error());
    return known.load();
  }

  Result<S3UploadOutcome> complete(S3Condition condition) {
    const std::string document = s3_complete_document(parts_);
    S3Request request;
    request.method = HttpMethod::post;
    request.key = key_;
    request.query = {{"uploadId", id_}};
    request.headers = {{"Content-Type", "application/xml"}};
    if (condition == S3Condition::must_be_new) request.headers.push_back({"If-None-Match", "*"});
    request.body = as_bytes(document);
    request.answer = S3Request::Answer::document;
    request.check = [](const HttpResponse& response) { return check_s3_completed(response.body); };
    const S3Reply reply = TRY(client_.send(request));
    if (reply.ok()) return S3UploadOutcome::stored;
    if (reply.response.status == 412) return S3UploadOutcome::taken;
    if (reply.refused_with("NoSuchUpload") || reply.refused_with("InvalidPart") ||
        reply.refused_with("InvalidPartOrder")) {
      return S3UploadOutcome::unsure;
    }
    return std::unexpected(S3Client::error_of(reply));
  }

  void abort() {
    S3Request request;
    request.method = HttpMethod::remove;
    request.key = key_;
    request.query = {{"uploadId", id_}};
    request.attempts = abort_attempts;
    (void)client_.send(request).has_value();
  }

 private:
  Result<S3Reply> send_part(std::size_t i) {
    const std::uint64_t from = i * part_size_;
    S3Request request;
    request.method = HttpMethod::put;
    request.key = key_;
    request.query = {{"partNumber", std::to_string(i + 1)}, {"uploadId", id_}};
    request.body = content_.subspan(from, std::min(part_size_, content_.size() - from));
    // An entity tag is what the server calls the part; it is given back and means nothing here.
    request.check = [&, i](const HttpResponse& response) -> Result<> {
      const auto tag = response.header("etag");
      if (!tag || tag->empty()) return fail(Code::corrupt, fmt::format("part {} came back without its tag", i + 1));
      parts_[i] = {static_cast<std::uint32_t>(i + 1), std::string(*tag)};
      return {};
    };
    return client_.send(request);
  }

  S3Client& client_;
  const S3Limits& limits_;
  const std::string& key_;
  ByteView content_;
  std::uint64_t part_size_ = 0;
  std::string id_;
  std::vector<S3Part> parts_;  // each is written by the thread that sends it
};

Result<bool> abort_listed(S3Client& client, const S3Upload& upload) {
  S3Request request;
  request.method = HttpMethod::remove;
  request.key = upload.key;
  request.query = {{"uploadId", upload.id}};
  const S3Reply reply = TRY(client.send(request));
  // Somebody else was faster.
  if (reply.refused_with("NoSuchUpload")) return false;
  if (!reply.ok()) return std::unexpected(S3Client::error_of(reply));
  return true;
}

}  // namespace

std::uint64_t s3_part_size(const S3Limits& limits, std::uint64_t size) {
  return std::max(limits.upload_part, (size + parts_limit - 1) / parts_limit);
}

Result<S3UploadOutcome> upload_s3_in_parts(S3Client& client, const S3Limits& limits, const std::string& key,
                                           ByteView content, const std::vector<HttpHeader>& headers,
                                           S3Condition condition) {
  Upload upload(client, limits, key, content);
  TRY_DURING("begin parts", upload.begin(headers));
  const auto known = upload.send_parts();
  if (!known) {
    upload.abort();
    return std::unexpected(Error(known.error()).during("send parts"));
  }
  if (!*known) return S3UploadOutcome::unsure;
  auto outcome = upload.complete(condition);
  if (!outcome || *outcome != S3UploadOutcome::stored) upload.abort();
  if (!outcome) return std::unexpected(std::move(outcome).error().during("complete parts"));
  return outcome;
}

Result<std::size_t> sweep_s3_uploads(S3Client& client, const std::string& prefix, Micros older_than) {
  std::size_t aborted = 0;
  std::optional<S3UploadPage::Next> next;
  for (std::size_t page_number = 0; page_number < upload_pages_limit; ++page_number) {
    S3UploadPage page;
    S3Request request;
    request.query = {{"uploads", ""}, {"prefix", prefix}};
    if (next) {
      request.query.push_back({"key-marker", next->key_marker});
      request.query.push_back({"upload-id-marker", next->upload_id_marker});
    }
    request.answer = S3Request::Answer::document;
    request.check = [&](const HttpResponse& response) -> Result<> {
      page = TRY(parse_s3_uploads(response.body));
      return {};
    };
    const S3Reply reply = TRY(client.send(request));
    if (!reply.ok()) return std::unexpected(S3Client::error_of(reply));
    const auto date = parse_http_date(reply.response.header("date").value_or(""));
    const Timestamp now = date ? *date : client.server_now();
    for (const S3Upload& upload : page.uploads) {
      // Some servers do not look at the prefix.
      if (!upload.key.starts_with(prefix) || upload.initiated.is_never() || now - upload.initiated <= older_than) {
        continue;
      }
      if (TRY(abort_listed(client, upload))) ++aborted;
    }
    if (!page.next) return aborted;
    if (next && next->key_marker == page.next->key_marker && next->upload_id_marker == page.next->upload_id_marker) {
      break;
    }
    next = std::move(page.next);
  }
  return fail(Code::corrupt, "the list of uploads does not end");
}

}  // namespace holdfast
