#include "shared/store/s3/form_probe.h"

#include <algorithm>

#include "shared/store/s3/asked_authority.h"
#include "shared/store/s3/client.h"
#include "shared/store/s3/presigning.h"
#include "shared/store/s3/reading.h"

namespace holdfast {
namespace {

constexpr std::string_view probe_prefix = ".holdfast-probe-";
constexpr std::string_view content = "holdfast probe, by a form\n";
constexpr std::string_view instead = "give hosts access keys of their own: --credentials FILE";

Result<S3Reply> put(S3Client& client, const std::string& key) {
  S3Request request;
  request.method = HttpMethod::put;
  request.key = key;
  const Sha256 digest = sha256(as_bytes(content));
  request.headers = {{"Content-Type", "application/octet-stream"}, {std::string(s3_digest_header), to_hex(digest)}};
  request.body = as_bytes(content);
  request.body_sha256 = digest;
  return client.send(request);
}

Result<> remove(S3Client& client, const std::string& key) {
  S3Request request;
  request.method = HttpMethod::remove;
  request.key = key;
  const S3Reply reply = TRY(client.send(request));
  // A key that may not remove leaves the probe to one that may.
  if (reply.ok() || reply.refused_with("NoSuchKey") || S3Client::error_of(reply).code == Code::denied) return {};
  return std::unexpected(S3Client::error_of(reply).during("remove the probe"));
}

// `thief` has a pass for `key` and uses it for `elsewhere`.
Result<> try_forms(S3Client& honest, S3Client& thief, const S3Limits& limits, const std::string& key,
                   const std::string& elsewhere) {
  const S3Reply reply = TRY_DURING("write a probe as hosts will", put(honest, key));
  if (!reply.ok()) {
    return fail(
        Code::unsupported,
        "the server does not take objects by signed forms (POST policies): " + S3Client::error_of(reply).message,
        std::string(instead));
  }
  const S3ReadOutcome back = TRY_DURING("read a probe as hosts will", read_s3_object(honest, limits, key));
  if (!back.content) return std::unexpected(S3Client::error_of(back.refused).during("read a probe as hosts will"));
  if (!std::ranges::equal(*back.content, as_bytes(content))) {
    return fail(Code::corrupt, "what was written by a form does not come back", "do not trust this server");
  }
  if (TRY(put(thief, elsewhere)).ok()) {
    return fail(Code::unsupported, "the server takes a form for a name that its policy does not allow",
                std::string(instead));
  }
  return {};
}

}  // namespace

Result<> probe_s3_forms(const S3Settings& settings, HttpTransport& transport, const LoadS3Credentials& credentials,
                        Clock& clock, Entropy& entropy) {
  const S3Endpoint endpoint = TRY(parse_s3_endpoint(settings.endpoint));
  const std::string name = std::string(probe_prefix) + to_hex(entropy.bytes<8>());
  const std::string key = settings.prefix.empty() ? name : settings.prefix + "/" + name;
  const std::string elsewhere = key + "-elsewhere";
  const auto client_of = [&](AskForPass ask) {
    return S3Client(settings, endpoint, transport, std::make_shared<AskedS3Authority>(settings, std::move(ask), clock),
                    clock, entropy);
  };
  const AskForPass sign = [&](const BucketWish& wish, PassAge) -> Result<BucketPass> {
    return sign_bucket_wish(settings, TRY(credentials()), wish, clock.now());
  };
  S3Client honest = client_of(sign);
  S3Client thief = client_of([&](BucketWish wish, PassAge age) {
    wish.name = name;
    return sign(wish, age);
  });
  auto tried = try_forms(honest, thief, settings.limits, key, elsewhere);
  S3Client own(settings, endpoint, transport, credentials, clock, entropy);
  for (const std::string& written : {key, elsewhere}) {
    auto removed = remove(own, written);
    if (tried && !removed) tried = std::move(removed);
  }
  return tried;
}

}  // namespace holdfast
