#include "shared/store/s3/client.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "shared/store/s3/own_authority.h"
#include "shared/store/s3/verdict.h"

namespace holdfast {
namespace {

constexpr Micros first_wait = std::chrono::milliseconds(100);
// Region, clock and credentials may each be wrong once; more corrections than that lead nowhere.
constexpr int corrections_limit = 4;

bool is_success(int status) {
  return status >= 200 && status < 300;
}

std::optional<Micros> retry_after(const HttpResponse& response) {
  const auto text = response.header("retry-after");
  if (!text) return std::nullopt;
  int seconds = 0;
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (problem != std::errc() || end != text->data() + text->size() || seconds < 0) return std::nullopt;
  return std::chrono::seconds(seconds);
}

std::shared_ptr<S3Authority> authority_of(const S3Settings& settings, S3Endpoint endpoint, S3Access access,
                                          Clock& clock) {
  if (auto* given = std::get_if<std::shared_ptr<S3Authority>>(&access)) return std::move(*given);
  return std::make_shared<OwnS3Authority>(settings, std::move(endpoint), std::get<LoadS3Credentials>(std::move(access)),
                                          clock);
}

// What is written is acknowledged without a document: one that says <Error> is no acknowledgement, whatever the status.
bool may_be_refused_with_success(const S3Request& request) {
  return request.answer == S3Request::Answer::document ||
         (request.method != HttpMethod::get && request.method != HttpMethod::head);
}

}  // namespace

S3Client::S3Client(const S3Settings& settings, S3Endpoint endpoint, HttpTransport& transport, S3Access access,
                   Clock& clock, Entropy& entropy)
    : transport_(transport),
      authority_(authority_of(settings, std::move(endpoint), std::move(access), clock)),
      backoff_(clock, entropy, first_wait, settings.limits.longest_wait),
      attempts_(settings.limits.attempts) {}

Timestamp S3Client::server_now() const {
  return authority_->server_now();
}

Result<> S3Client::may(const S3Request& request) {
  TRY(authority_->authorise(request));
  return {};
}

Result<HttpResponse> S3Client::exchange(const S3Request& request, const S3Authorised& authorised) {
  HttpRequest out;
  out.method = authorised.method;
  out.url = authorised.url;
  out.headers = authorised.headers;
  out.body = authorised.body ? ByteView(*authorised.body) : request.body;
  out.response_limit = request.response_limit;
  return transport_.exchange(out);
}

S3Reply S3Client::understood(const S3Request& request, HttpResponse response) const {
  S3Reply reply;
  if (!is_success(response.status)) {
    reply.refusal = parse_s3_error(response.body).value_or(S3ErrorDocument{});
  } else if (may_be_refused_with_success(request)) {
    reply.refusal = parse_s3_error(response.body);
  }
  reply.response = std::move(response);
  return reply;
}

Result<S3Reply> S3Client::send(const S3Request& request) {
  const std::uint32_t attempts = request.attempts.value_or(attempts_);
  int corrections = 0;
  for (std::uint32_t attempt = 1;;) {
    const S3Authorised authorised = TRY(authority_->authorise(request));
    auto response = exchange(request, authorised);
    std::optional<Micros> asked_for;
    Error error;
    if (!response) {
      error = std::move(response).error();
      if (error.code != Code::unavailable && error.code != Code::timed_out) return std::unexpected(std::move(error));
    } else {
      asked_for = retry_after(*response);
      S3Reply reply = understood(request, std::move(*response));
      if (reply.ok()) {
        auto checked = request.check ? request.check(reply.response) : Result<>();
        if (checked) return reply;
        error = std::move(checked).error();
      } else if (corrections < corrections_limit && authorised.learn && authorised.learn(reply)) {
        ++corrections;
        continue;
      } else {
        const S3Verdict verdict = judge_s3_refusal(reply.response.status, reply.refusal->code);
        if (verdict.retry == S3Retry::never) return reply;
        error = error_of(reply);
      }
    }
    if (attempt >= attempts) {
      return std::unexpected(std::move(error).during(fmt::format("after {} attempts", attempt)));
    }
    backoff_.wait(attempt, asked_for);
    ++attempt;
  }
}

Error S3Client::error_of(const S3Reply& reply) {
  if (!reply.refusal) return Error{Code::internal, "no refusal", ""};
  const S3ErrorDocument& refusal = *reply.refusal;
  const S3Verdict verdict = judge_s3_refusal(reply.response.status, refusal.code);
  std::string message = fmt::format("the server answered {}", reply.response.status);
  if (!refusal.code.empty()) message += " " + refusal.code;
  if (!refusal.message.empty()) message += ": " + refusal.message;
  if (!refusal.endpoint.empty()) message += fmt::format(" (it names \"{}\")", refusal.endpoint);
  return Error{verdict.code, std::move(message), std::string(verdict.hint)};
}

}  // namespace holdfast
