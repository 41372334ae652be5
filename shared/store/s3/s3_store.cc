#include "shared/store/s3/s3_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/store/s3/object_lock.h"

namespace holdfast {
namespace {

constexpr std::string_view probe_prefix = ".holdfast-probe-";
constexpr Micros leftover_age = std::chrono::hours(24);
constexpr int upload_rounds = 2;
constexpr std::size_t list_pages_limit = 1'000'000;  // of a list that does not end: a thousand million objects
constexpr std::uint64_t nominal_space = 1ULL << 60U;

}  // namespace

Result<std::unique_ptr<S3Store>> S3Store::open(S3Settings settings, Parts parts, StoreAbilities abilities) {
  if (auto checked = check_s3_settings(settings); !checked) {
    return std::unexpected(std::move(checked).error().during("settings of an s3 store"));
  }
  const S3Endpoint endpoint = TRY(parse_s3_endpoint(settings.endpoint));
  return std::unique_ptr<S3Store>(new S3Store(std::move(settings), endpoint, std::move(parts), abilities));
}

S3Store::S3Store(S3Settings settings, const S3Endpoint& endpoint, Parts parts, StoreAbilities abilities)
    : settings_(std::move(settings)),
      key_prefix_(settings_.prefix.empty() ? "" : settings_.prefix + "/"),
      put_unseen_(std::move(parts.put_unseen)),
      client_(settings_, endpoint, parts.transport, std::move(parts.credentials), parts.clock, parts.entropy),
      entropy_(&parts.entropy),
      abilities_(abilities) {}

std::string S3Store::description() const {
  return fmt::format("s3 store at {}/{}{}{}", settings_.endpoint, settings_.bucket, settings_.prefix.empty() ? "" : "/",
                     settings_.prefix);
}

std::unexpected<Error> S3Store::failed(Error error, std::string_view doing, const std::string& name) const {
  return std::unexpected(std::move(error).during(fmt::format("{} \"{}\" in {}", doing, name, description())));
}

std::unexpected<Error> S3Store::refused(const S3Reply& reply, std::string_view doing, const std::string& name) const {
  return failed(S3Client::error_of(reply), doing, name);
}

Result<> S3Store::put(const std::string& name, ByteView bytes) {
  TRY(check_object_name(name));
  const Content content{bytes, sha256(bytes)};
  auto done = bytes.size() > settings_.limits.multipart_above ? put_in_parts(name, content) : put_whole(name, content);
  if (!done) return failed(std::move(done).error(), "put", name);
  return {};
}

std::vector<HttpHeader> S3Store::headers_for(const Sha256& digest) const {
  std::vector<HttpHeader> headers{{"Content-Type", "application/octet-stream"},
                                  {std::string(s3_digest_header), to_hex(digest)}};
  if (settings_.lock.count() > 0 && abilities().object_lock == Ability::yes) {
    for (auto& header : s3_lock_headers(client_.server_now() + settings_.lock)) headers.push_back(std::move(header));
  }
  return headers;
}

Result<> S3Store::put_whole(const std::string& name, const Content& content) {
  const bool conditional = abilities().conditional_put == Ability::yes;
  if (!conditional) {
    if (const auto existing = TRY(look_before_put(name))) return same_or_refuse(name, content, *existing);
  }
  S3Request request;
  request.method = HttpMethod::put;
  request.key = key_of(name);
  request.headers = headers_for(content.digest);
  if (abilities().object_lock == Ability::yes) request.headers.push_back(s3_checksum_header(content.digest));
  if (conditional) request.headers.push_back({"If-None-Match", "*"});
  request.body = content.bytes;
  request.body_sha256 = content.digest;
  const S3Reply reply = TRY(client_.send(request));
  if (reply.ok()) return {};
  if (conditional && reply.response.status == 412) {
    // Taken: by somebody, or by an attempt of ours whose answer was lost.
    if (const auto existing = TRY(head(name))) return same_or_refuse(name, content, *existing);
    return fail(Code::unavailable, "it was there and has gone", "try again");
  }
  return std::unexpected(S3Client::error_of(reply));
}

Result<> S3Store::put_in_parts(const std::string& name, const Content& content) {
  const auto condition = abilities().conditional_put == Ability::yes ? S3Condition::must_be_new : S3Condition::none;
  for (int round = 0; round < upload_rounds; ++round) {
    if (const auto existing = TRY(head(name))) return same_or_refuse(name, content, *existing);
    const auto outcome = TRY(upload_s3_in_parts(client_, settings_.limits, key_of(name), content.bytes,
                                                headers_for(content.digest), condition));
    if (outcome == S3UploadOutcome::stored) return {};
  }
  if (const auto existing = TRY(head(name))) return same_or_refuse(name, content, *existing);
  return fail(Code::corrupt, "the server does not put its parts together");
}

Result<std::optional<S3Store::Existing>> S3Store::look_before_put(const std::string& name) {
  if (put_unseen_) {
    S3Request look;
    look.method = HttpMethod::head;
    look.key = key_of(name);
    const auto may = client_.may(look);
    if (!may && may.error().code == Code::unavailable && put_unseen_(name)) return std::nullopt;
  }
  return head(name);
}

Result<std::optional<S3Store::Existing>> S3Store::head(const std::string& name) {
  S3Request request;
  request.method = HttpMethod::head;
  request.key = key_of(name);
  request.check = [](const HttpResponse& response) -> Result<> {
    if (!response.content_length()) return fail(Code::corrupt, "the answer does not say how long it is");
    return {};
  };
  const S3Reply reply = TRY(client_.send(request));
  if (reply.response.status == 404) return std::nullopt;
  if (!reply.ok()) return std::unexpected(S3Client::error_of(reply));
  Existing existing{reply.response.content_length().value_or(0), std::nullopt};
  if (const auto digest = reply.response.header(s3_digest_header)) existing.digest = std::string(*digest);
  return existing;
}

Result<std::optional<S3Store::Existing>> S3Store::head_for_certain(const std::string& name) {
  auto existing = TRY(head(name));
  if (!existing) TRY(require_bucket());
  return existing;
}

Result<> S3Store::require_bucket() {
  S3Request request;
  request.method = HttpMethod::head;
  const S3Reply reply = TRY(client_.send(request));
  if (reply.ok()) return {};
  return std::unexpected(S3Client::error_of(reply).during(fmt::format("ask for bucket \"{}\"", settings_.bucket)));
}

Result<> S3Store::same_or_refuse(const std::string& name, const Content& content, const Existing& existing) {
  const auto taken = [] { return fail(Code::already_exists, "the name is taken by other content"); };
  if (existing.size != content.bytes.size()) return taken();
  if (existing.digest) {
    if (*existing.digest == to_hex(content.digest)) return {};
    return taken();
  }
  // Copied here by something that dropped the metadata.
  const auto outcome = TRY(read_s3_object(client_, settings_.limits, key_of(name)));
  if (!outcome.content) return std::unexpected(S3Client::error_of(outcome.refused));
  if (!std::ranges::equal(*outcome.content, content.bytes)) return taken();
  return {};
}

Result<> S3Store::keep_until(const std::string& name, Timestamp until) {
  TRY(check_object_name(name));
  auto done = keep_s3_object(client_, key_of(name), until);
  if (!done) return failed(std::move(done).error(), "keep", name);
  return {};
}

Result<Bytes> S3Store::get(const std::string& name) {
  TRY(check_object_name(name));
  auto outcome = read_s3_object(client_, settings_.limits, key_of(name));
  if (!outcome) return failed(std::move(outcome).error(), "get", name);
  if (!outcome->content) return refused(outcome->refused, "get", name);
  return std::move(*outcome->content);
}

Result<Bytes> S3Store::get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) {
  constexpr std::string_view doing = "get a range of";
  TRY(check_object_name(name));
  // HTTP has no range without bytes, and none beyond what 64 bits can count.
  if (length == 0 || offset > ~std::uint64_t{0} - length) {
    const auto existing = head_for_certain(name);
    if (!existing) return failed(existing.error(), doing, name);
    if (!*existing) return failed(Error{Code::not_found, "it is not there", ""}, doing, name);
    if (length == 0 && offset <= (*existing)->size) return Bytes();
    return failed(Error{Code::corrupt, fmt::format("it ends after {} bytes", (*existing)->size), ""}, doing, name);
  }
  auto outcome = read_s3_range(client_, settings_.limits, key_of(name), offset, length);
  if (!outcome) return failed(std::move(outcome).error(), doing, name);
  if (!outcome->content) return refused(outcome->refused, doing, name);
  return std::move(*outcome->content);
}

Result<std::optional<ObjectInfo>> S3Store::stat(const std::string& name) {
  TRY(check_object_name(name));
  const auto existing = head_for_certain(name);
  if (!existing) return failed(existing.error(), "look for", name);
  if (!*existing) return std::nullopt;
  return ObjectInfo{name, (*existing)->size};
}

Result<> S3Store::walk(const std::string& prefix, std::string_view delimiter,
                       const std::function<void(S3ListPage&)>& use) {
  std::string token;
  for (std::size_t page_number = 0; page_number < list_pages_limit; ++page_number) {
    S3ListPage page;
    S3Request request;
    request.query = {{"list-type", "2"}, {"encoding-type", "url"}, {"prefix", key_of(prefix)}};
    if (!delimiter.empty()) request.query.push_back({"delimiter", std::string(delimiter)});
    if (!token.empty()) request.query.push_back({"continuation-token", token});
    request.answer = S3Request::Answer::document;
    request.check = [&](const HttpResponse& response) -> Result<> {
      page = TRY(parse_s3_list(response.body));
      return {};
    };
    const S3Reply reply = TRY(client_.send(request));
    if (!reply.ok()) return std::unexpected(S3Client::error_of(reply));
    const auto strip = [&](std::string& key) {
      if (!key.starts_with(key_prefix_)) return false;
      key.erase(0, key_prefix_.size());
      return true;
    };
    std::erase_if(page.objects, [&](S3Listed& object) { return !strip(object.key); });
    std::erase_if(page.common_prefixes, [&](std::string& key) { return !strip(key); });
    use(page);
    if (!page.next) return {};
    if (*page.next == token) break;
    token = std::move(*page.next);
  }
  return fail(Code::corrupt, "the list does not end");
}

Result<std::vector<ObjectInfo>> S3Store::list(const std::string& prefix) {
  std::vector<ObjectInfo> found;
  auto done = walk(prefix, "", [&](S3ListPage& page) {
    for (S3Listed& object : page.objects) {
      if (object.key.starts_with(prefix) && check_object_name(object.key)) {
        found.push_back({std::move(object.key), object.size});
      }
    }
  });
  if (!done) return failed(std::move(done).error(), "list", prefix);
  std::ranges::sort(found, {}, &ObjectInfo::name);
  return found;
}

Result<std::vector<std::string>> S3Store::list_parts(const std::string& prefix) {
  if (!prefix.empty() && !prefix.ends_with('/')) {
    return fail(Code::invalid, fmt::format("\"{}\" does not end with \"/\"", prefix));
  }
  std::vector<std::string> parts;
  auto done = walk(prefix, "/", [&](S3ListPage& page) {
    for (const S3Listed& object : page.objects) {
      if (object.key.starts_with(prefix) && check_object_name(object.key)) {
        parts.push_back(object.key.substr(prefix.size()));
      }
    }
    for (const std::string& key : page.common_prefixes) {
      // "a/b/": the name without its slash is one of ours.
      if (key.starts_with(prefix) && key.ends_with('/') && check_object_name(key.substr(0, key.size() - 1))) {
        parts.push_back(key.substr(prefix.size()));
      }
    }
  });
  if (!done) return failed(std::move(done).error(), "list", prefix);
  std::ranges::sort(parts);
  return parts;
}

Result<> S3Store::remove_key(const std::string& key) {
  S3Request request;
  request.method = HttpMethod::remove;
  request.key = key;
  const S3Reply reply = TRY(client_.send(request));
  if (reply.ok() || reply.refused_with("NoSuchKey")) return {};
  return std::unexpected(S3Client::error_of(reply));
}

Result<> S3Store::remove(const std::string& name) {
  TRY(check_object_name(name));
  if (auto done = remove_key(key_of(name)); !done) return failed(std::move(done).error(), "remove", name);
  return {};
}

Result<std::size_t> S3Store::sweep_uploads(Micros older_than) {
  auto aborted = sweep_s3_uploads(client_, key_prefix_, older_than);
  if (!aborted) return failed(std::move(aborted).error(), "abort old uploads below", key_prefix_);
  return aborted;
}

// What cannot be seen or removed with this access key stays for one that may.
void S3Store::sweep_probes(Timestamp now) {
  std::vector<std::string> old;
  (void)walk(std::string(probe_prefix), "", [&](S3ListPage& page) {
    for (const S3Listed& object : page.objects) {
      if (object.key.starts_with(probe_prefix) && !object.modified.is_never() && now - object.modified > leftover_age) {
        old.push_back(object.key);
      }
    }
  }).has_value();
  for (const std::string& name : old) (void)remove_key(key_of(name)).has_value();
}

Result<> S3Store::check() {
  const auto random = entropy_.with([](Entropy* entropy) { return entropy->bytes<8>(); });
  const std::string probe = std::string(probe_prefix) + to_hex(random);
  auto found = probe_s3_abilities(client_, settings_.limits, key_of(probe));
  if (!found) return failed(std::move(found).error(), "write the probe", probe);
  abilities_.with([&](StoreAbilities& abilities) { abilities = *found; });
  sweep_probes(client_.server_now());
  (void)sweep_uploads(leftover_age).has_value();
  return {};
}

Result<Space> S3Store::space() {
  return Space{nominal_space, nominal_space};
}

}  // namespace holdfast
