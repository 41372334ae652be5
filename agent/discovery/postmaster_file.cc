#include "agent/discovery/postmaster_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace holdfast {
namespace {

std::vector<std::string_view> lines_of(std::string_view content) {
  std::vector<std::string_view> lines;
  while (!content.empty()) {
    const auto end = content.find('\n');
    lines.push_back(content.substr(0, end));
    content = end == std::string_view::npos ? std::string_view() : content.substr(end + 1);
  }
  return lines;
}

int number_of(std::string_view text) {
  int number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc() && end == text.data() + text.size() ? number : -1;
}

bool says_nothing(std::string_view name) {
  constexpr std::array<std::string_view, 6> generic{"data", "main", "pgdata", "pg_data", "postgres", "db"};
  return std::ranges::find(generic, name) != generic.end() ||
         std::ranges::all_of(name, [](char c) { return (c >= '0' && c <= '9') || c == '.'; });
}

}  // namespace

Result<PostmasterFile> parse_postmaster_file(std::string_view content) {
  const auto lines = lines_of(content);
  if (lines.size() < 5) return fail(Code::corrupt, "postmaster.pid is not complete");
  PostmasterFile out;
  // A standalone backend writes its number with a minus sign: nobody can connect to it.
  out.pid = number_of(lines[0]);
  out.data_directory = lines[1];
  out.port = number_of(lines[3]);
  out.socket_directory = lines[4];
  if (out.pid <= 0 || out.port <= 0 || out.port > 65535) return fail(Code::corrupt, "postmaster.pid is not one");
  return out;
}

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
