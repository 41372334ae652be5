#include "agent/discovery/cluster_name.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace holdfast {
namespace {

bool says_nothing(std::string_view name) {
  constexpr std::array<std::string_view, 6> generic{"data", "main", "pgdata", "pg_data", "postgres", "db"};
  return std::ranges::find(generic, name) != generic.end() ||
         std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

std::string cluster_name_of(const std::string& data_directory) {
  std::string_view rest = data_directory;
  std::string_view last;
  while (!rest.empty()) {
    const auto slash = rest.find_last_of('/');
    const std::string_view part = slash == std::string_view::npos ? rest : rest.substr(slash + 1);
    if (!part.empty()) {
      if (last.empty()) last = part;
      if (!says_nothing(part)) {
        // "/var/lib/postgresql/15/main": the distribution's own layout is no name either.
        return part == "postgresql" || part == "pgsql" ? std::string(last) : std::string(part);
      }
    }
    if (slash == std::string_view::npos) break;
    rest = rest.substr(0, slash);
  }
  return last.empty() ? "postgres" : std::string(last);
}

}  // namespace holdfast
