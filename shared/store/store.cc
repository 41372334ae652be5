#include "shared/store/store.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

bool is_name_character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
}

}  // namespace

Result<> Store::keep_until(const std::string& name, Timestamp) {
  return fail(Code::unsupported, fmt::format("{} cannot keep \"{}\" from being removed", description(), name));
}

Result<> check_object_name(std::string_view name) {
  const auto refuse = [&](std::string_view why) {
    return fail(Code::invalid, fmt::format("\"{}\" is not the name of an object: {}", name.substr(0, 100), why));
  };
  if (name.empty()) return refuse("it is empty");
  if (name.size() > 512) return refuse("it is longer than 512 bytes");
  std::string_view rest = name;
  while (true) {
    const auto slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    if (part.empty() || part == "." || part == "..") return refuse("it has an empty, \".\" or \"..\" part");
    if (part.size() > 200) return refuse("it has a part longer than 200 bytes");
    if (part.starts_with(".holdfast-")) return refuse("parts that begin with \".holdfast-\" are the stores' own");
    if (!std::ranges::all_of(part, is_name_character)) return refuse("only A-Z a-z 0-9 . _ - and / may be in it");
    if (slash == std::string_view::npos) return {};
    rest = rest.substr(slash + 1);
  }
}

}  // namespace holdfast
