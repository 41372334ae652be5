#include "tests/harness/signed_form.h"

#include <nlohmann/json.hpp>
#include <set>

#include "shared/store/s3/sigv4.h"

namespace holdfast {
namespace {

using Json = nlohmann::json;

std::string quoted_after(std::string_view text, std::string_view what) {
  const auto at = text.find(what);
  if (at == std::string_view::npos) return {};
  const auto begin = at + what.size();
  return std::string(text.substr(begin, text.find('"', begin) - begin));
}

std::string field_of(const SignedForm& form, const std::string& name) {
  const auto at = form.fields.find(name);
  return at == form.fields.end() ? "" : at->second;
}

std::string from_base64(const std::string& text) {
  static const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    if (c == '=') break;
    bits = bits << 6U | static_cast<std::uint32_t>(digits.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> static_cast<unsigned>(count) & 0xffU);
    }
  }
  return out;
}

std::optional<std::string> broken_condition(const Json& condition, const SignedForm& form, const FormRules& rules,
                                            std::set<std::string>& named) {
  const auto value_of = [&](const std::string& name) { return name == "bucket" ? rules.bucket : field_of(form, name); };
  if (condition.is_object()) {
    const auto only = condition.begin();
    const std::string name = only.key();
    named.insert(name);
    if (value_of(name) == only.value().get<std::string>()) return std::nullopt;
    return "condition on " + name;
  }
  if (condition.at(0) == "content-length-range") {
    const bool fits = form.content.size() >= condition.at(1).get<std::size_t>() &&
                      form.content.size() <= condition.at(2).get<std::size_t>();
    return fits ? std::nullopt : std::optional<std::string>("its length");
  }
  const std::string name = condition.at(1).get<std::string>().substr(1);
  named.insert(name);
  const std::string wanted = condition.at(2).get<std::string>();
  const std::string value = value_of(name);
  const bool fits = condition.at(0) == "starts-with" ? value.starts_with(wanted) : value == wanted;
  return fits ? std::nullopt : std::optional("condition on " + name);
}

}  // namespace

std::optional<SignedForm> parse_signed_form(const std::string& content_type, ByteView body) {
  const auto at = content_type.find("boundary=");
  if (at == std::string::npos) return std::nullopt;
  const std::string delimiter = "--" + content_type.substr(at + 9);
  SignedForm form;
  std::string_view rest = as_text(body);
  while (rest.starts_with(delimiter + "\r\n")) {
    rest.remove_prefix(delimiter.size() + 2);
    const auto end_of_head = rest.find("\r\n\r\n");
    const auto end = rest.find("\r\n" + delimiter, end_of_head);
    if (end_of_head == std::string_view::npos || end == std::string_view::npos) return std::nullopt;
    const std::string name = quoted_after(rest.substr(0, end_of_head), " name=\"");
    const std::string_view value = rest.substr(end_of_head + 4, end - end_of_head - 4);
    rest.remove_prefix(end + 2);
    if (name == "file") {
      form.content = to_bytes(as_bytes(value));
      return form;  // whatever follows is not looked at
    }
    form.fields[name] = value;
  }
  return std::nullopt;
}

std::optional<std::string> complaint_about(const SignedForm& form, const FormRules& rules) {
  const std::string policy = field_of(form, "policy");
  const std::string date = field_of(form, "x-amz-date");
  if (policy.empty() || date.size() != 16) return "no policy";
  const auto signed_at = parse_time(date.substr(0, 4) + "-" + date.substr(4, 2) + "-" + date.substr(6, 2) + "T" +
                                    date.substr(9, 2) + ":" + date.substr(11, 2) + ":" + date.substr(13, 2) + "Z");
  if (!signed_at) return "no date";
  const SigV4Scope scope{rules.region, "s3"};
  if (field_of(form, "x-amz-credential") != stamp_of(rules.credentials, scope, *signed_at).credential) {
    return "credential";
  }
  if (field_of(form, "x-amz-signature") != sign_text(policy, rules.credentials, scope, *signed_at)) return "signature";
  const Json document = Json::parse(from_base64(policy), nullptr, false);
  if (document.is_discarded()) return "no document";
  const auto expires = parse_time(document.at("expiration").get<std::string>());
  if (!expires || *expires < rules.now) return "policy expired";
  std::set<std::string> named;
  for (const Json& condition : document.at("conditions")) {
    if (auto broken = broken_condition(condition, form, rules, named)) return broken;
  }
  for (const auto& [name, value] : form.fields) {
    if (name != "policy" && name != "x-amz-signature" && !named.contains(name)) return "extra field " + name;
  }
  return std::nullopt;
}

}  // namespace holdfast
