#include "shared/store/s3/own_authority.h"

#include "shared/store/s3/address.h"
#include "shared/store/s3/http_date.h"

namespace holdfast {
namespace {

// AWS refuses what is signed more than 15 minutes from its own time.
constexpr Micros tolerated_skew = std::chrono::minutes(15);

// AWS has a host for each region; everybody else's host stays what it is.
std::string host_in_region(const std::string& host, const std::string& from, const std::string& to) {
  if (host == "s3.amazonaws.com") return "s3." + to + ".amazonaws.com";
  const std::string middle = "." + from + ".amazonaws.com";
  const auto at = host.find(middle);
  if (at == std::string::npos) return host;
  return host.substr(0, at) + "." + to + ".amazonaws.com" + host.substr(at + middle.size());
}

bool same_credentials(const S3Credentials& a, const S3Credentials& b) {
  return a.access_key_id == b.access_key_id &&
         equal_constant_time(a.secret_access_key.bytes(), b.secret_access_key.bytes()) &&
         equal_constant_time(a.session_token.bytes(), b.session_token.bytes());
}

}  // namespace

OwnS3Authority::OwnS3Authority(const S3Settings& settings, S3Endpoint endpoint, LoadS3Credentials credentials,
                               Clock& clock)
    : load_credentials_(std::move(credentials)),
      clock_(clock),
      bucket_(settings.bucket),
      addressing_(settings.addressing),
      bearings_(Bearings{std::move(endpoint), settings.region, Micros(0), nullptr}) {}

Timestamp OwnS3Authority::server_now() const {
  return clock_.now() + bearings_.with([](const Bearings& bearings) { return bearings.skew; });
}

Result<OwnS3Authority::Bearings> OwnS3Authority::bearings() {
  Bearings now = bearings_.with([](const Bearings& bearings) { return bearings; });
  if (now.credentials == nullptr) {
    now.credentials = std::make_shared<const S3Credentials>(TRY(load_credentials_()));
    bearings_.with([&](Bearings& bearings) { bearings.credentials = now.credentials; });
  }
  return now;
}

Result<S3Authorised> OwnS3Authority::authorise(const S3Request& request) {
  const Bearings used = TRY(bearings());
  const std::string payload_hash = to_hex(request.body_sha256 ? *request.body_sha256 : sha256(request.body));
  const S3Address address = s3_address(used.endpoint, addressing_, bucket_, request.key);
  SigV4Request to_sign;
  to_sign.method = to_string(request.method);
  to_sign.path = address.path;
  to_sign.query = request.query;
  to_sign.headers = request.headers;
  to_sign.headers.push_back({"Host", address.host});
  to_sign.headers.push_back({"X-Amz-Content-Sha256", payload_hash});
  sign_with_headers(to_sign, payload_hash, *used.credentials, {used.region, "s3"}, clock_.now() + used.skew);

  S3Authorised out;
  out.method = request.method;
  out.url = address.url;
  if (!to_sign.query.empty()) out.url += "?" + canonical_query(to_sign.query);
  out.headers = std::move(to_sign.headers);
  out.learn = [this, used](const S3Reply& reply) { return learn(used, reply); };
  return out;
}

bool OwnS3Authority::learn(const Bearings& used, const S3Reply& reply) {
  return learn_region(used, reply) || learn_time(used, reply) || learn_credentials(used, reply);
}

// AWS: 301 PermanentRedirect, 307 TemporaryRedirect, 400 AuthorizationHeaderMalformed; to HEAD, without any document.
bool OwnS3Authority::learn_region(const Bearings& used, const S3Reply& reply) {
  const int status = reply.response.status;
  if (status != 301 && status != 307 && status != 400) return false;
  const std::string region(reply.response.header("x-amz-bucket-region").value_or(reply.refusal->region));
  if (!is_s3_region(region) || region == used.region) return false;
  bearings_.with([&](Bearings& bearings) {
    bearings.endpoint.host = host_in_region(bearings.endpoint.host, bearings.region, region);
    bearings.region = region;
  });
  return true;
}

// A refused HEAD has no document that would say RequestTimeTooSkewed, so the times themselves decide.
bool OwnS3Authority::learn_time(const Bearings& used, const S3Reply& reply) {
  if (reply.response.status != 403) return false;
  const auto text = reply.response.header("date");
  if (!text) return false;
  const auto date = parse_http_date(*text);
  if (!date) return false;
  const Micros skew = *date - clock_.now();
  const Micros change = skew - used.skew;
  const bool far = change > tolerated_skew || change < -tolerated_skew;
  if (!far && (!reply.refused_with("RequestTimeTooSkewed") || std::chrono::abs(change) < std::chrono::seconds(1))) {
    return false;
  }
  bearings_.with([&](Bearings& bearings) { bearings.skew = skew; });
  return true;
}

bool OwnS3Authority::learn_credentials(const Bearings& used, const S3Reply& reply) {
  const int status = reply.response.status;
  const bool about_them = reply.refused_with("ExpiredToken") || reply.refused_with("InvalidToken") ||
                          reply.refused_with("InvalidAccessKeyId") || reply.refused_with("SignatureDoesNotMatch") ||
                          reply.refused_with("TokenRefreshRequired");
  if (!about_them && !(status == 403 && reply.refusal->code.empty())) return false;
  auto loaded = load_credentials_();
  // What cannot be read now may be read later; the refusal is what the caller is told.
  if (!loaded || same_credentials(*loaded, *used.credentials)) return false;
  auto renewed = std::make_shared<const S3Credentials>(std::move(*loaded));
  bearings_.with([&](Bearings& bearings) { bearings.credentials = std::move(renewed); });
  return true;
}

}  // namespace holdfast
