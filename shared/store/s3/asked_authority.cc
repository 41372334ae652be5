#include "shared/store/s3/asked_authority.h"

#include <fmt/format.h>

#include "shared/store/s3/post_policy.h"

namespace holdfast {
namespace {

// Of a host that reads for long; what it still needs is asked for again.
constexpr std::size_t known_limit = 10'000;

std::string parameter(const S3Request& request, std::string_view name) {
  for (const QueryParameter& each : request.query) {
    if (each.name == name) return each.value;
  }
  return {};
}

// A quota that is used up is a 403 too, and no newer pass helps against it. An answer to HEAD says nothing.
bool is_about_the_pass(const S3Reply& reply) {
  const bool named = reply.refused_with("AccessDenied") || reply.refused_with("InvalidAccessKeyId") ||
                     reply.refused_with("SignatureDoesNotMatch") || reply.refused_with("RequestTimeTooSkewed") ||
                     reply.refused_with("ExpiredToken") || reply.refused_with("");
  return reply.response.status == 403 && named;
}

bool is_list(const S3Request& request) {
  return request.method == HttpMethod::get && request.key.empty() && parameter(request, "list-type") == "2";
}

}  // namespace

AskedS3Authority::AskedS3Authority(const S3Settings& settings, AskForPass ask, Clock& clock)
    : key_prefix_(settings.prefix.empty() ? "" : settings.prefix + "/"), ask_(std::move(ask)), clock_(clock) {}

Result<BucketWish> AskedS3Authority::wish_of(const S3Request& request) const {
  const auto name_of = [this](const std::string& key) {
    return key.starts_with(key_prefix_) ? key.substr(key_prefix_.size()) : std::string();
  };
  BucketWish wish;
  wish.name = name_of(request.key);
  if (is_list(request)) {
    wish.kind = BucketWish::Kind::list;
    wish.name = name_of(parameter(request, "prefix"));
    wish.parts = !parameter(request, "delimiter").empty();
    wish.after = parameter(request, "continuation-token");
    return wish;
  }
  if (request.query.empty()) {
    switch (request.method) {
      case HttpMethod::get:
        return wish;
      case HttpMethod::head:
        wish.kind = request.key.empty() ? BucketWish::Kind::reach : BucketWish::Kind::look;
        return wish;
      case HttpMethod::put:
        wish.kind = BucketWish::Kind::put;
        wish.name = std::string(put_scope(wish.name));
        return wish;
      default:
        break;
    }
  }
  return fail(Code::denied, "a host without an access key does not do that in a bucket",
              "the coordinator can, with its own");
}

Result<BucketPass> AskedS3Authority::pass_for(const BucketWish& wish, PassAge age) {
  if (wish.kind == BucketWish::Kind::put) return ask_(wish, age);
  const Micros now = clock_.monotonic();
  if (age == PassAge::any) {
    auto known = passes_.with([&](const Passes& passes) -> std::optional<BucketPass> {
      const auto at = passes.known.find(wish);
      if (at == passes.known.end() || at->second.until <= now) return std::nullopt;
      return at->second.pass;
    });
    if (known) return *std::move(known);
  }
  BucketPass pass = TRY(ask_(wish, age));
  passes_.with([&](Passes& passes) {
    if (passes.known.size() >= known_limit) passes.known.clear();
    // A request that is begun at its end takes its time too.
    passes.known[wish] = {pass, now + pass.valid * 3 / 4};
  });
  return pass;
}

Result<S3Authorised> AskedS3Authority::authorise(const S3Request& request) {
  const BucketWish wish = TRY(wish_of(request));
  const bool was_refused = passes_.with([&](Passes& passes) { return passes.refused.erase(wish) > 0; });
  const PassAge age = was_refused ? PassAge::newer : PassAge::any;
  const BucketPass pass = TRY(pass_for(wish, age));
  S3Authorised out;
  out.method = request.method;
  out.url = pass.url;
  if (wish.kind == BucketWish::Kind::put) {
    S3Form form = s3_form(pass.fields, request.key, request.headers, request.body,
                          request.body_sha256 ? *request.body_sha256 : sha256(request.body));
    out.method = HttpMethod::post;
    out.headers = {{"Content-Type", std::move(form.content_type)}};
    out.body = std::move(form.body);
  } else {
    out.headers = request.headers;
  }
  // It may have run out, or its key be another one now. What was signed a moment ago is not asked for again.
  out.learn = [this, wish, age](const S3Reply& reply) {
    if (!is_about_the_pass(reply) || age == PassAge::newer) return false;
    passes_.with([&](Passes& passes) {
      passes.known.erase(wish);
      passes.refused.insert(wish);
    });
    return true;
  };
  return out;
}

}  // namespace holdfast
