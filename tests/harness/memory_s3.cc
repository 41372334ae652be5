#include "tests/harness/memory_s3.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "shared/crypto/keys.h"
#include "shared/store/s3/sigv4.h"
#include "tests/harness/signed_form.h"

namespace holdfast {

// A request taken apart.
struct MemoryS3::Call {
  const HttpRequest& request;
  Timestamp now;
  std::string key;
  std::map<std::string, std::string> query;

  std::string header(std::string_view name) const {
    const HttpResponse search{0, request.headers, {}};
    return std::string(search.header(name).value_or(""));
  }
  std::string parameter(const std::string& name) const {
    const auto at = query.find(name);
    return at == query.end() ? "" : at->second;
  }
  std::map<std::string, std::string> metadata() const {
    std::map<std::string, std::string> out;
    for (const HttpHeader& each : request.headers) {
      if (each.name.starts_with("x-amz-meta-")) out[each.name] = each.value;
    }
    return out;
  }
};

namespace {

std::string decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      out += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::map<std::string, std::string> query_of(std::string_view text) {
  std::map<std::string, std::string> out;
  while (!text.empty()) {
    const auto end = text.find('&');
    const std::string_view part = text.substr(0, end);
    const auto equals = part.find('=');
    out[decoded(part.substr(0, equals))] = decoded(part.substr(equals + 1));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return out;
}

std::string_view host_of(std::string_view url) {
  const auto begin = url.find("://") + 3;
  return url.substr(begin, url.find('/', begin) - begin);
}

// What comes after "https://host", whatever the host.
std::string_view target_of(std::string_view url) {
  return url.substr(url.find('/', url.find("://") + 3));
}

// "20150830T123600Z"
std::optional<Timestamp> amz_time(const std::string& date) {
  if (date.size() != 16) return std::nullopt;
  const auto time =
      parse_time(fmt::format("{}-{}-{}T{}:{}:{}Z", date.substr(0, 4), date.substr(4, 2), date.substr(6, 2),
                             date.substr(9, 2), date.substr(11, 2), date.substr(13, 2)));
  return time ? std::optional(*time) : std::nullopt;
}

bool is_form(const HttpRequest& request) {
  return std::ranges::any_of(request.headers, [](const HttpHeader& header) {
    return header.name == "Content-Type" && header.value.starts_with("multipart/form-data");
  });
}

S3Credentials credentials_of(const MemoryS3::Rules& rules) {
  return {rules.access_key_id, SecretText(rules.secret), SecretText()};
}

}  // namespace

std::string http_date(Timestamp time) {
  const auto seconds = static_cast<std::time_t>(time.micros() / 1'000'000);
  return fmt::format("{:%a, %d %b %Y %H:%M:%S} GMT", fmt::gmtime(seconds));
}

HttpResponse s3_answer(int status, const std::string& body) {
  HttpResponse out;
  out.status = status;
  out.body = to_bytes(as_bytes(body));
  out.headers = {{"Content-Length", std::to_string(body.size())}};
  return out;
}

HttpResponse s3_refusal(int status, const std::string& code, const std::string& more) {
  return s3_answer(status, fmt::format("<?xml version=\"1.0\"?><Error><Code>{}</Code>{}</Error>", code, more));
}

void MemoryS3::fail_once(Fault fault) {
  state_.with([&](State& state) { state.faults.push_back(std::move(fault)); });
}

void MemoryS3::fail_times(int times, const Fault& fault) {
  for (int i = 0; i < times; ++i) fail_once(fault);
}

void MemoryS3::change(const std::function<void(Rules&)>& how) {
  state_.with([&](State& state) { how(state.rules); });
}

void MemoryS3::place(const std::string& key, Object object) {
  state_.with([&](State& state) { state.objects[key] = std::move(object); });
}

std::map<std::string, MemoryS3::Object> MemoryS3::objects() const {
  return state_.with([](const State& state) { return state.objects; });
}

std::size_t MemoryS3::uploads() const {
  return state_.with([](const State& state) { return state.uploads.size(); });
}

std::vector<std::string> MemoryS3::log() const {
  return state_.with([](const State& state) { return state.log; });
}

Result<HttpResponse> MemoryS3::exchange(const HttpRequest& request) {
  auto answer = state_.with([&](State& state) -> Result<HttpResponse> {
    state.log.push_back(std::string(to_string(request.method)) + " " + std::string(target_of(request.url)));
    const Proceed proceed = [&]() -> Result<HttpResponse> { return serve(state, request); };
    for (auto fault = state.faults.begin(); fault != state.faults.end(); ++fault) {
      if (auto instead = (*fault)(request, proceed)) {
        state.faults.erase(fault);
        return std::move(*instead);
      }
    }
    return proceed();
  });
  if (answer && request.method == HttpMethod::head) answer->body.clear();
  if (answer && answer->body.size() > request.response_limit) {
    return fail(Code::exhausted, "the answer is longer than its limit");
  }
  return answer;
}

HttpResponse MemoryS3::serve(State& state, const HttpRequest& request) {
  const std::string_view target = target_of(request.url);
  const auto question = target.find('?');
  Call call{request, clock_.now() + state.rules.ahead, decoded(target.substr(0, question)), {}};
  if (question != std::string_view::npos) call.query = query_of(target.substr(question + 1));
  HttpResponse answer;
  const bool by_host = host_of(request.url).starts_with(state.rules.bucket + ".");
  const std::string place = by_host ? "" : "/" + state.rules.bucket;
  if (auto refusal = refuse_stranger(state, call)) {
    answer = std::move(*refusal);
  } else if (!call.key.starts_with(place)) {
    answer = s3_refusal(404, "NoSuchBucket");
  } else {
    call.key.erase(0, std::min(call.key.size(), place.size() + 1));
    switch (request.method) {
      case HttpMethod::put:
        answer = put(state, call);
        break;
      case HttpMethod::get:
      case HttpMethod::head:
        answer = call.key.empty() ? on_bucket(state, call) : get(state, call);
        break;
      case HttpMethod::post:
        answer = post(state, call);
        break;
      case HttpMethod::remove:
        if (call.query.count("uploadId") == 0) {
          const auto at = state.objects.find(call.key);
          const bool kept = at != state.objects.end() && at->second.kept_until > call.now;
          if (at != state.objects.end() && !kept) state.objects.erase(at);
          answer = kept ? s3_refusal(403, "AccessDenied") : s3_answer(204);
        } else {
          answer =
              state.uploads.erase(call.parameter("uploadId")) == 0 ? s3_refusal(404, "NoSuchUpload") : s3_answer(204);
        }
        break;
    }
  }
  answer.headers.push_back({"Date", http_date(call.now)});
  return answer;
}

std::optional<HttpResponse> MemoryS3::refuse_stranger(const State& state, const Call& call) {
  if (is_form(call.request)) return std::nullopt;  // it brings its own proof
  return call.query.contains("X-Amz-Signature") ? refuse_query_signature(state, call)
                                                : refuse_header_signature(state, call);
}

std::optional<HttpResponse> MemoryS3::refuse_query_signature(const State& state, const Call& call) {
  SigV4Request asked;
  asked.method = to_string(call.request.method);
  asked.path = call.key;
  asked.headers = {{"Host", std::string(host_of(call.request.url))}};
  for (const auto& [name, value] : call.query) {
    if (!name.starts_with("X-Amz-")) asked.query.push_back({name, value});
  }
  if (!call.parameter("X-Amz-Credential").starts_with(state.rules.access_key_id + "/")) {
    return s3_refusal(403, "InvalidAccessKeyId");
  }
  const auto signed_at = amz_time(call.parameter("X-Amz-Date"));
  if (!signed_at) return s3_refusal(403, "AccessDenied");
  const std::chrono::seconds valid(std::stoll(call.parameter("X-Amz-Expires")));
  const std::string query = presigned_query(asked, unsigned_payload, credentials_of(state.rules),
                                            {state.rules.region, "s3"}, *signed_at, valid);
  if (!query.ends_with("X-Amz-Signature=" + call.parameter("X-Amz-Signature"))) {
    return s3_refusal(403, "SignatureDoesNotMatch");
  }
  if (call.now > *signed_at + valid) return s3_refusal(403, "AccessDenied", "<Message>Request has expired</Message>");
  return std::nullopt;
}

// The same checks as a server's, except for the signature itself.
std::optional<HttpResponse> MemoryS3::refuse_header_signature(const State& state, const Call& call) {
  const std::string authorization = call.header("authorization");
  const std::string key = fmt::format("Credential={}/", state.rules.access_key_id);
  if (authorization.find(key) == std::string::npos) return s3_refusal(403, "InvalidAccessKeyId");
  if (authorization.find("/" + state.rules.region + "/s3/") == std::string::npos) {
    auto refusal =
        s3_refusal(400, "AuthorizationHeaderMalformed", fmt::format("<Region>{}</Region>", state.rules.region));
    refusal.headers.push_back({"x-amz-bucket-region", state.rules.region});
    return refusal;
  }
  const auto signed_at = amz_time(call.header("x-amz-date"));
  if (!signed_at) return s3_refusal(403, "AccessDenied");
  if (std::chrono::abs(*signed_at - call.now) > std::chrono::minutes(15))
    return s3_refusal(403, "RequestTimeTooSkewed");
  if (call.header("x-amz-content-sha256") != to_hex(sha256(call.request.body))) {
    return s3_refusal(400, "XAmzContentSHA256Mismatch");
  }
  return std::nullopt;
}

HttpResponse MemoryS3::put(State& state, const Call& call) {
  if (call.query.count("uploadId") != 0) {
    const auto upload = state.uploads.find(call.parameter("uploadId"));
    if (upload == state.uploads.end()) return s3_refusal(404, "NoSuchUpload");
    const int number = std::stoi(call.parameter("partNumber"));
    upload->second.parts[number] = to_bytes(call.request.body);
    auto answer = s3_answer(200);
    answer.headers.push_back({"ETag", fmt::format("\"part-{}\"", number)});
    return answer;
  }
  if (call.query.count("retention") != 0) return keep(state, call);
  const std::string until = call.header("x-amz-object-lock-retain-until-date");
  if (!until.empty()) {
    if (!state.rules.object_lock || call.header("x-amz-object-lock-mode") != "GOVERNANCE") {
      return s3_refusal(400, "InvalidRequest");
    }
    if (call.header("x-amz-checksum-sha256").size() != 44) return s3_refusal(400, "InvalidRequest");
  }
  if (!call.header("if-none-match").empty()) {
    if (state.rules.conditional == Conditional::refused) return s3_refusal(501, "NotImplemented");
    if (state.rules.conditional == Conditional::honoured && state.objects.count(call.key) != 0) {
      return s3_refusal(412, "PreconditionFailed");
    }
  }
  state.objects[call.key] = {to_bytes(call.request.body), call.metadata(), call.now,
                             until.empty() ? Timestamp() : parse_time(until).value()};
  return s3_answer(200);
}

HttpResponse MemoryS3::keep(State& state, const Call& call) {
  const auto at = state.objects.find(call.key);
  if (at == state.objects.end()) return s3_refusal(404, "NoSuchKey");
  if (!state.rules.object_lock) return s3_refusal(400, "InvalidRequest");
  const std::string body(as_text(call.request.body));
  const auto from = body.find("<RetainUntilDate>") + 17;
  const Timestamp until = parse_time(body.substr(from, body.find('<', from) - from)).value();
  if (until < at->second.kept_until) return s3_refusal(403, "AccessDenied");
  at->second.kept_until = until;
  return s3_answer(200);
}

HttpResponse MemoryS3::get(const State& state, const Call& call) {
  const auto at = state.objects.find(call.key);
  if (at == state.objects.end()) return s3_refusal(404, "NoSuchKey");
  const Object& object = at->second;
  if (call.query.count("retention") != 0) {
    if (object.kept_until.is_never()) return s3_refusal(404, "NoSuchObjectLockConfiguration");
    return s3_answer(200,
                     fmt::format("<Retention><Mode>GOVERNANCE</Mode><RetainUntilDate>{}</RetainUntilDate></Retention>",
                                 to_rfc3339(object.kept_until)));
  }
  const std::uint64_t total = object.content.size();
  HttpResponse answer;
  const std::string range = call.header("range");  // bytes=0-9
  std::uint64_t from = 0;
  std::uint64_t to = total;
  answer.status = 200;
  if (!range.empty()) {
    const auto dash = range.find('-');
    from = std::stoull(range.substr(6, dash - 6));
    to = std::min<std::uint64_t>(total, std::stoull(range.substr(dash + 1)) + 1);
    if (from >= total) return s3_refusal(416, "InvalidRange");
    answer.status = 206;
    answer.headers.push_back({"Content-Range", fmt::format("bytes {}-{}/{}", from, to - 1, total)});
  }
  answer.body.assign(object.content.begin() + static_cast<std::ptrdiff_t>(from),
                     object.content.begin() + static_cast<std::ptrdiff_t>(to));
  answer.headers.push_back({"Content-Length", std::to_string(to - from)});
  answer.headers.push_back({"ETag", fmt::format("\"{}\"", to_hex(sha256(object.content)).substr(0, 16))});
  for (const auto& [name, value] : object.metadata) answer.headers.push_back({name, value});
  return answer;
}

HttpResponse MemoryS3::on_bucket(const State& state, const Call& call) {
  if (call.request.method == HttpMethod::head) return s3_answer(200);
  if (call.query.count("object-lock") != 0) {
    if (!state.rules.object_lock) return s3_refusal(404, "ObjectLockConfigurationNotFoundError");
    return s3_answer(
        200, "<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>");
  }
  if (call.query.count("uploads") == 0) return list(state, call);
  std::string body;
  std::size_t entries = 0;
  std::string last;
  for (const auto& [id, upload] : state.uploads) {
    if (id <= call.parameter("upload-id-marker") || !upload.key.starts_with(call.parameter("prefix"))) continue;
    if (entries == state.rules.page) {
      body += fmt::format("<NextKeyMarker>any</NextKeyMarker><NextUploadIdMarker>{}</NextUploadIdMarker>", last);
      ++entries;
      break;
    }
    body += fmt::format("<Upload><Key>{}</Key><UploadId>{}</UploadId><Initiated>{}</Initiated></Upload>", upload.key,
                        id, to_rfc3339(upload.begun));
    last = id;
    ++entries;
  }
  return s3_answer(200, fmt::format("<ListMultipartUploadsResult><IsTruncated>{}</IsTruncated>{}"
                                    "</ListMultipartUploadsResult>",
                                    entries > state.rules.page, body));
}

HttpResponse MemoryS3::list(const State& state, const Call& call) {
  const std::string prefix = call.parameter("prefix");
  const std::string delimiter = call.parameter("delimiter");
  // The token is the last entry of the page before, behind something that must come back unharmed.
  const std::string token = call.parameter("continuation-token");
  const std::string after = token.empty() ? "" : token.substr(3);
  std::map<std::string, const Object*> entries;  // nullptr: a common prefix
  for (const auto& [key, object] : state.objects) {
    if (!key.starts_with(prefix)) continue;
    const auto end = delimiter.empty() ? std::string::npos : key.find(delimiter, prefix.size());
    const std::string entry = end == std::string::npos ? key : key.substr(0, end + 1);
    if (entry > after) entries.emplace(entry, end == std::string::npos ? &object : nullptr);
  }
  std::string body;
  std::size_t count = 0;
  std::string last;
  for (const auto& [entry, object] : entries) {
    if (count == state.rules.page) break;
    ++count;
    last = entry;
    if (object == nullptr) {
      body += fmt::format("<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", uri_encode_path(entry));
    } else {
      body += fmt::format("<Contents><Key>{}</Key><LastModified>{}</LastModified><Size>{}</Size></Contents>",
                          uri_encode_path(entry), to_rfc3339(object->modified), object->content.size());
    }
  }
  const bool more = count < entries.size();
  if (more) body += fmt::format("<NextContinuationToken>+/={}</NextContinuationToken>", last);
  return s3_answer(200, fmt::format("<?xml version=\"1.0\"?><ListBucketResult><EncodingType>url</EncodingType>"
                                    "<IsTruncated>{}</IsTruncated>{}</ListBucketResult>",
                                    more, body));
}

HttpResponse MemoryS3::post_form(State& state, const Call& call) {
  if (!state.rules.forms) return s3_refusal(405, "MethodNotAllowed");
  const auto form = parse_signed_form(call.header("content-type"), call.request.body);
  if (!form || !form->fields.contains("key")) return s3_refusal(400, "MalformedPOSTRequest");
  if (state.rules.policies) {
    const FormRules rules{state.rules.bucket, state.rules.region, credentials_of(state.rules), call.now};
    if (const auto why = complaint_about(*form, rules)) {
      return s3_refusal(403, "AccessDenied", fmt::format("<Message>{}</Message>", *why));
    }
  }
  Object object{form->content, {}, call.now, {}};
  for (const auto& [name, value] : form->fields) {
    if (name.starts_with("x-amz-meta-")) object.metadata[name] = value;
  }
  state.objects[form->fields.at("key")] = std::move(object);
  return s3_answer(204);
}

HttpResponse MemoryS3::post(State& state, const Call& call) {
  if (is_form(call.request)) return post_form(state, call);
  if (call.query.count("uploads") == 0) return complete(state, call);
  const std::string id = fmt::format("upload {:04}", ++state.counter);
  state.uploads[id] = {call.key, call.metadata(), {}, call.now};
  return s3_answer(200, fmt::format("<InitiateMultipartUploadResult><UploadId>{}</UploadId>"
                                    "</InitiateMultipartUploadResult>",
                                    id));
}

HttpResponse MemoryS3::complete(State& state, const Call& call) {
  const auto at = state.uploads.find(call.parameter("uploadId"));
  if (at == state.uploads.end()) return s3_refusal(404, "NoSuchUpload");
  if (!call.header("if-none-match").empty() && state.rules.conditional == Conditional::honoured &&
      state.objects.count(call.key) != 0) {
    return s3_refusal(412, "PreconditionFailed");
  }
  Upload& upload = at->second;
  const std::string_view document = as_text(call.request.body);
  Object object{{}, upload.metadata, call.now, {}};
  for (const auto& [number, content] : upload.parts) {
    if (document.find(fmt::format("<PartNumber>{}</PartNumber><ETag>\"part-{}\"</ETag>", number, number)) ==
        std::string_view::npos) {
      return s3_refusal(400, "InvalidPart");
    }
    append(object.content, content);
  }
  state.objects[call.key] = std::move(object);
  state.uploads.erase(at);
  return s3_answer(200, "<CompleteMultipartUploadResult><ETag>x</ETag></CompleteMultipartUploadResult>");
}

}  // namespace holdfast
