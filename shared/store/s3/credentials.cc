#include "shared/store/s3/credentials.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::uint64_t file_limit = 64UL * 1024;

std::string_view trim(std::string_view text) {
  const auto from = text.find_first_not_of(" \t\r");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") - from + 1);
}

// They become part of HTTP headers as they are.
bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
}

// The values as views into the text they were read from, so that no copy of a secret is left behind.
struct Found {
  std::string_view id;
  std::string_view secret;
  std::string_view token;
};

Result<S3Credentials> from_values(const Found& found, std::string_view id_name, std::string_view secret_name,
                                  std::string_view token_name) {
  const auto refuse = [](std::string_view name, std::string_view why) {
    return fail(Code::invalid, fmt::format("\"{}\" {}", name, why));
  };
  if (found.id.empty()) return refuse(id_name, "is missing");
  if (found.secret.empty()) return refuse(secret_name, "is missing");
  const auto strange = "has spaces or characters that are not printable";
  if (!is_printable(found.id)) return refuse(id_name, strange);
  if (!is_printable(found.secret)) return refuse(secret_name, strange);
  if (!is_printable(found.token)) return refuse(token_name, strange);
  return S3Credentials{std::string(found.id), SecretText(std::string(found.secret)),
                       SecretText(std::string(found.token))};
}

Result<S3Credentials> parse(std::string_view text) {
  Found found;
  int profiles = 0;
  int number = 0;
  for (std::string_view rest = text; !rest.empty();) {
    ++number;
    const auto end = rest.find('\n');
    const std::string_view line = trim(rest.substr(0, end));
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[' && line.back() == ']') {
      if (++profiles > 1) return fail(Code::invalid, fmt::format("line {}: a second profile", number));
      continue;
    }
    const auto equals = line.find('=');
    const std::string_view key = trim(line.substr(0, equals));
    std::string_view* into = key == "aws_access_key_id"       ? &found.id
                             : key == "aws_secret_access_key" ? &found.secret
                             : key == "aws_session_token"     ? &found.token
                                                              : nullptr;
    // The line itself may be a secret that lost its key.
    if (equals == std::string_view::npos || into == nullptr) {
      return fail(Code::invalid, fmt::format("line {} is none of the settings that are known", number),
                  "aws_access_key_id, aws_secret_access_key, aws_session_token");
    }
    if (!into->empty()) return fail(Code::invalid, fmt::format("line {}: \"{}\" for the second time", number, key));
    *into = trim(line.substr(equals + 1));
  }
  return from_values(found, "aws_access_key_id", "aws_secret_access_key", "aws_session_token");
}

}  // namespace

Result<S3Credentials> s3_credentials_from_file(FileSystem& files, const std::string& path) {
  const std::string what = fmt::format("credentials file \"{}\"", path);
  const auto info = TRY_DURING(what, files.stat(path));
  if (!info) return fail(Code::not_found, fmt::format("there is no {}", what));
  if (info->kind != FileKind::file) return fail(Code::invalid, fmt::format("{} is not a plain file", what));
  if ((info->mode & 077U) != 0) {
    return fail(Code::denied, fmt::format("{} can be used by others (mode {:04o})", what, info->mode),
                fmt::format("chmod 600 {}", path));
  }
  if (info->size > file_limit) return fail(Code::invalid, fmt::format("{} is too long to be one", what));
  Bytes text = TRY_DURING(what, files.read(path));
  auto credentials = parse(as_text(text));
  if (!text.empty()) sodium_memzero(text.data(), text.size());
  if (!credentials) return std::unexpected(std::move(credentials).error().during(what));
  return std::move(*credentials);
}

Result<S3Credentials> s3_credentials_from_environment(
    const std::function<std::optional<std::string>(const std::string& name)>& variable) {
  const std::string id = variable("AWS_ACCESS_KEY_ID").value_or("");
  std::string secret = variable("AWS_SECRET_ACCESS_KEY").value_or("");
  std::string token = variable("AWS_SESSION_TOKEN").value_or("");
  auto credentials =
      from_values({id, secret, token}, "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN");
  if (!secret.empty()) sodium_memzero(secret.data(), secret.size());
  if (!token.empty()) sodium_memzero(token.data(), token.size());
  if (!credentials) return std::unexpected(std::move(credentials).error().during("environment"));
  return std::move(*credentials);
}

}  // namespace holdfast
