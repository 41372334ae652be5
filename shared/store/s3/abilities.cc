#include "shared/store/s3/abilities.h"

#include <algorithm>

#include "shared/store/s3/reading.h"

namespace holdfast {
namespace {

constexpr std::string_view first_content = "holdfast probe, first\n";
constexpr std::string_view second_content = "holdfast probe, second\n";

enum class Condition : std::uint8_t { none, must_be_new };

Result<S3Reply> put_probe(S3Client& client, const std::string& key, std::string_view content, Condition condition) {
  S3Request request;
  request.method = HttpMethod::put;
  request.key = key;
  request.body = as_bytes(content);
  if (condition == Condition::must_be_new) request.headers.push_back({"If-None-Match", "*"});
  return client.send(request);
}

struct Tried {
  Ability conditional_put = Ability::unknown;
  std::string_view content;  // what the probe holds now
};

Result<Tried> try_conditional_put(S3Client& client, const std::string& key) {
  const S3Reply first = TRY(put_probe(client, key, first_content, Condition::must_be_new));
  if (!first.ok()) {
    // 412: an earlier attempt arrived although its answer did not. Anything else: perhaps the condition is what it
    // does not like.
    if (first.response.status == 412) return Tried{Ability::yes, first_content};
    const S3Reply plain = TRY(put_probe(client, key, first_content, Condition::none));
    if (!plain.ok()) return std::unexpected(S3Client::error_of(plain));
    return Tried{Ability::no, first_content};
  }
  const S3Reply second = TRY(put_probe(client, key, second_content, Condition::must_be_new));
  if (second.response.status == 412) return Tried{Ability::yes, first_content};
  if (!second.ok()) return std::unexpected(S3Client::error_of(second));
  return Tried{Ability::no, second_content};
}

Result<> remove_probe(S3Client& client, const std::string& key) {
  S3Request request;
  request.method = HttpMethod::remove;
  request.key = key;
  const S3Reply reply = TRY(client.send(request));
  if (!reply.ok() && !reply.refused_with("NoSuchKey")) {
    return std::unexpected(S3Client::error_of(reply).during("remove it"));
  }
  return {};
}

Result<Ability> ask_object_lock(S3Client& client) {
  Ability answer = Ability::unknown;
  S3Request request;
  request.query = {{"object-lock", ""}};
  request.answer = S3Request::Answer::document;
  request.check = [&](const HttpResponse& response) -> Result<> {
    answer = TRY(parse_s3_object_lock(response.body)) ? Ability::yes : Ability::no;
    return {};
  };
  request.attempts = 2;
  const auto reply = client.send(request);
  // Not allowed to ask, or nobody there who knows the question: unknown.
  if (reply && (reply->refused_with("ObjectLockConfigurationNotFoundError") ||
                reply->refused_with("NoSuchObjectLockConfiguration"))) {
    return Ability::no;
  }
  return answer;
}

}  // namespace

Result<StoreAbilities> probe_s3_abilities(S3Client& client, const S3Limits& limits, const std::string& key) {
  auto tried = try_conditional_put(client, key);
  if (!tried) return std::unexpected(std::move(tried).error());
  auto back = read_s3_object(client, limits, key);
  auto removed = remove_probe(client, key);
  if (!back) return std::unexpected(std::move(back).error().during("read it"));
  if (!back->content) return std::unexpected(S3Client::error_of(back->refused).during("read it"));
  if (!std::ranges::equal(*back->content, as_bytes(tried->content))) {
    return fail(Code::corrupt, "what was written does not come back", "do not trust this server");
  }
  if (!removed && removed.error().code != Code::denied) return std::unexpected(std::move(removed).error());
  return StoreAbilities{tried->conditional_put, TRY(ask_object_lock(client))};
}

}  // namespace holdfast
