#include "shared/store/s3/presigning.h"

#include <fmt/format.h>

#include "shared/store/s3/address.h"
#include "shared/store/s3/post_policy.h"
#include "shared/store/store.h"

namespace holdfast {
namespace {

constexpr std::size_t longest_token = 4096;

std::string key_of(const S3Settings& settings, const std::string& name) {
  return settings.prefix.empty() ? name : settings.prefix + "/" + name;
}

std::vector<QueryParameter> list_query(const S3Settings& settings, const BucketWish& wish) {
  std::vector<QueryParameter> query{
      {"list-type", "2"}, {"encoding-type", "url"}, {"prefix", key_of(settings, wish.name)}};
  if (wish.parts) query.push_back({"delimiter", "/"});
  if (!wish.after.empty()) query.push_back({"continuation-token", wish.after});
  return query;
}

BucketPass put_pass(const S3Settings& settings, const S3Endpoint& endpoint, const S3Credentials& credentials,
                    const BucketWish& wish, Timestamp time) {
  const S3PostPolicy policy{settings.bucket, key_of(settings, wish.name), time + s3_put_pass_life};
  BucketPass pass;
  pass.url = s3_address(endpoint, settings.addressing, settings.bucket, "").url;
  pass.fields = sign_s3_policy(policy, credentials, {settings.region, "s3"}, time);
  pass.valid = s3_put_pass_life;
  return pass;
}

}  // namespace

Result<> check_bucket_wish(const BucketWish& wish) {
  const bool list = wish.kind == BucketWish::Kind::list;
  if (!list && (wish.parts || !wish.after.empty())) return fail(Code::invalid, "only a list has parts and pages");
  if (wish.after.size() > longest_token) return fail(Code::invalid, "the token of the page is too long");
  if (wish.kind == BucketWish::Kind::reach) {
    if (!wish.name.empty()) return fail(Code::invalid, "a bucket has no name in itself");
    return {};
  }
  std::string_view name = wish.name;
  if (list && name.empty()) return {};
  if (wish.kind == BucketWish::Kind::put && put_scope(name) != name) {
    return fail(Code::invalid, fmt::format("\"{}\" is not where puts are allowed as a whole", name));
  }
  const bool whole_parts = list || wish.kind == BucketWish::Kind::put;
  if (whole_parts && name.ends_with('/')) name.remove_suffix(1);
  return check_object_name(name);
}

Result<BucketPass> sign_bucket_wish(const S3Settings& settings, const S3Credentials& credentials,
                                    const BucketWish& wish, Timestamp time) {
  if (!credentials.session_token.empty()) {
    return fail(Code::invalid, "the coordinator's credentials are temporary, and what they sign ends with them",
                "give it a lasting access key for this store");
  }
  const S3Endpoint endpoint = TRY(parse_s3_endpoint(settings.endpoint));
  if (wish.kind == BucketWish::Kind::put) return put_pass(settings, endpoint, credentials, wish, time);

  const bool of_bucket = wish.kind == BucketWish::Kind::list || wish.kind == BucketWish::Kind::reach;
  const bool head = wish.kind == BucketWish::Kind::look || wish.kind == BucketWish::Kind::reach;
  const S3Address address =
      s3_address(endpoint, settings.addressing, settings.bucket, of_bucket ? "" : key_of(settings, wish.name));
  SigV4Request request;
  request.method = head ? "HEAD" : "GET";
  request.path = address.path;
  if (wish.kind == BucketWish::Kind::list) request.query = list_query(settings, wish);
  request.headers = {{"Host", address.host}};
  BucketPass pass;
  pass.valid = s3_read_pass_life;
  pass.url = address.url + "?" +
             presigned_query(std::move(request), unsigned_payload, credentials, {settings.region, "s3"}, time,
                             s3_read_pass_life);
  return pass;
}

}  // namespace holdfast
