#pragma once
// Pieces of the YAML that reading and writing share. Internal to this folder.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/time.h"

namespace holdfast {

constexpr std::string_view policy_api_version = "holdfast/v1";

struct DrillText {
  Micros every{0};
  std::map<std::string, std::string> on;
  std::vector<std::string> checks;
};
// One line of flow YAML, the same for the same content: Policy::drill_text.
std::string format_drill(const DrillText& drill);

// A YAML text in double quotes.
std::string quoted(std::string_view text);

}  // namespace holdfast
