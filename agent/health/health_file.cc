#include "agent/health/health_file.h"

#include <fmt/format.h>

#include <charconv>

namespace holdfast {
namespace {

constexpr std::string_view first_line = "holdfast health 1";

std::string one_line(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  return text;
}

std::string_view take_until(std::string_view& text, char end) {
  const auto at = text.find(end);
  const std::string_view taken = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return taken;
}

std::unexpected<Error> unreadable(std::string_view line) {
  return fail(Code::corrupt, fmt::format("a line of the agent's health cannot be read: \"{}\"", line));
}

Result<CheckedHealth> parse_check(std::string_view line) {
  std::string_view rest = line;
  CheckedHealth out;
  const std::string_view of = take_until(rest, ' ');
  if (of != "agent") out.database = TRY(DatabaseId::parse(of));
  const auto check = health_check_of(take_until(rest, ' '));
  const std::string_view health = take_until(rest, ' ');
  const std::string_view failures = take_until(rest, ' ');
  const auto [end, problem] = std::from_chars(failures.data(), failures.data() + failures.size(), out.failures);
  if (!check || problem != std::errc() || end != failures.data() + failures.size()) return unreadable(line);
  out.check = *check;
  out.cause = rest;
  for (const Health known : {Health::unknown, Health::healthy, Health::unhealthy}) {
    if (to_string(known) != health) continue;
    out.health = known;
    return out;
  }
  return unreadable(line);
}

std::string file_of(const std::string& directory) {
  return directory + "/health";
}

}  // namespace

std::string format_health(const HealthWord& word) {
  std::string out = fmt::format("{}\n", first_line);
  for (const auto& missing : word.missing) out += fmt::format("missing {}\n", one_line(missing));
  for (const auto& entry : word.checks) {
    out += fmt::format("check {} {} {} {} {}\n", entry.database.is_null() ? "agent" : entry.database.text(),
                       to_string(entry.check), to_string(entry.health), entry.failures, one_line(entry.cause));
  }
  return out;
}

Result<HealthWord> parse_health(std::string_view text) {
  if (take_until(text, '\n') != first_line) return fail(Code::corrupt, "the agent's health does not begin like it");
  HealthWord out;
  while (!text.empty()) {
    const std::string_view line = take_until(text, '\n');
    std::string_view rest = line;
    const std::string_view what = take_until(rest, ' ');
    if (what == "missing") {
      out.missing.emplace_back(rest);
    } else if (what == "check") {
      out.checks.push_back(TRY(parse_check(rest)));
    } else {
      return unreadable(line);
    }
  }
  return out;
}

Result<> write_health(FileSystem& files, const std::string& directory, const HealthWord& word) {
  return files.replace_durably(file_of(directory), as_bytes(format_health(word)), 0600);
}

Result<std::optional<HealthWord>> read_health(FileSystem& files, const std::string& directory) {
  if (!TRY(files.stat(file_of(directory)))) return std::nullopt;
  const Bytes content = TRY(files.read(file_of(directory)));
  return TRY(parse_health(as_text(content)));
}

Result<> remove_health(FileSystem& files, const std::string& directory) {
  return files.remove(file_of(directory));
}

}  // namespace holdfast
