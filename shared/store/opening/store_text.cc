#include "shared/store/opening/store_text.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>

#include "shared/store/opening/s3_place.h"

namespace holdfast {
namespace {

constexpr std::string_view s3_scheme = "s3://";

std::string absolute(std::string_view path) {
  return std::filesystem::absolute(std::filesystem::path(path)).lexically_normal().string();
}

Result<> set_option(std::string_view key, std::string_view value, S3Place& place) {
  if (value.empty()) return fail(Code::invalid, fmt::format("\"{}\" has no value", key));
  const std::map<std::string_view, std::string*> texts{{"endpoint", &place.endpoint}, {"region", &place.region}};
  if (const auto text = texts.find(key); text != texts.end()) {
    *text->second = value;
  } else if (key == "addressing" && (value == "path" || value == "host")) {
    place.addressing = value == "host" ? S3Place::Addressing::host : S3Place::Addressing::path;
  } else if (key == "ca_file") {
    place.ca_file = absolute(value);
  } else if (key == "credentials") {
    place.credentials = value == s3_credentials_from_env ? std::string(value) : absolute(value);
  } else {
    return fail(Code::invalid, fmt::format("\"{}={}\" is not known", key, value),
                "endpoint, region, addressing=path|host, ca_file, credentials");
  }
  return {};
}

Result<S3Place> parse_s3(std::string_view rest) {
  S3Place place;
  place.credentials = s3_credentials_from_env;
  const auto question = std::min(rest.find('?'), rest.size());
  const std::string_view where = rest.substr(0, question);
  const auto slash = std::min(where.find('/'), where.size());
  place.bucket = where.substr(0, slash);
  place.prefix = where.substr(std::min(slash + 1, where.size()));
  while (place.prefix.ends_with('/')) place.prefix.pop_back();
  std::string_view options = rest.substr(std::min(question + 1, rest.size()));
  while (!options.empty()) {
    const auto end = std::min(options.find('&'), options.size());
    const std::string_view option = options.substr(0, end);
    const auto equals = std::min(option.find('='), option.size());
    TRY(set_option(option.substr(0, equals), option.substr(std::min(equals + 1, option.size())), place));
    options.remove_prefix(std::min(end + 1, options.size()));
  }
  if (place.endpoint.empty()) place.endpoint = fmt::format("https://s3.{}.amazonaws.com", place.region);
  TRY(check_s3_place(place));
  return place;
}

}  // namespace

Result<StoreInfo> parse_store_text(std::string_view text) {
  StoreInfo store;
  store.name = text;
  if (text.starts_with(s3_scheme)) {
    store.kind = StoreKind::s3;
    store.s3 = TRY_DURING(fmt::format("store \"{}\"", text), parse_s3(text.substr(s3_scheme.size())));
    return store;
  }
  if (text.empty() || text.find("://") != std::string_view::npos) {
    return fail(Code::invalid, fmt::format("\"{}\" is no store", text),
                "a directory, or s3://BUCKET/PREFIX?endpoint=URL");
  }
  store.path = absolute(text);
  return store;
}

}  // namespace holdfast
