#include <fmt/format.h>

#include <sstream>

#include "shared/policy/policy.h"

namespace holdfast {
namespace {

// Every setting is a line of its own: name and value.
std::map<std::string, std::string> settings_of(const Policy& policy) {
  std::map<std::string, std::string> out;
  std::istringstream lines(policy_to_yaml(policy));
  for (std::string line; std::getline(lines, line);) {
    const std::size_t colon = line.find(": ");
    if (colon != std::string::npos) out[line.substr(0, colon)] = line.substr(colon + 2);
  }
  return out;
}

}  // namespace

std::vector<std::string> changed_settings(const Policy& before, const Policy& after) {
  const auto old_settings = settings_of(before);
  auto names = old_settings;
  const auto new_settings = settings_of(after);
  names.insert(new_settings.begin(), new_settings.end());
  const auto value = [](const auto& settings, const std::string& name) {
    const auto found = settings.find(name);
    return found == settings.end() ? std::string("not set") : found->second;
  };
  std::vector<std::string> out;
  for (const auto& [name, unused] : names) {
    const std::string was = value(old_settings, name);
    const std::string is = value(new_settings, name);
    if (was != is) out.push_back(fmt::format("{}: {} -> {}", name, was, is));
  }
  return out;
}

}  // namespace holdfast
