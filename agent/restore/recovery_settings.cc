#include "agent/restore/recovery_settings.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

namespace holdfast {
namespace {

constexpr std::string_view begin_mark = "# holdfast: recovery, removed when it is over";
constexpr std::string_view copy_mark =
    "# holdfast: this is a copy; remove these lines when it takes the original's place";

// Settings of an earlier recovery or standby that must not steer this one: with two targets the server refuses to
// start, and an old primary_conninfo would let it stream from a server it no longer belongs to.
constexpr std::array<std::string_view, 16> recovery_names{
    "restore_command",        "archive_cleanup_command",   "recovery_end_command",     "recovery_target",
    "recovery_target_name",   "recovery_target_time",      "recovery_target_xid",      "recovery_target_lsn",
    "recovery_target_action", "recovery_target_inclusive", "recovery_target_timeline", "primary_conninfo",
    "primary_slot_name",      "promote_trigger_file",      "recovery_min_apply_delay", "hot_standby"};
// Ours only behind begin_mark: before it they are the cluster's own.
constexpr std::array<std::string_view, 3> listening_names{"log_destination", "lc_messages", "log_min_messages"};
constexpr std::array<std::string_view, 3> copy_names{"archive_mode", "synchronous_standby_names", "port"};

std::vector<std::string_view> lines_of(std::string_view content) {
  std::vector<std::string_view> lines;
  while (!content.empty()) {
    const auto end = content.find('\n');
    lines.push_back(content.substr(0, end));
    if (end == std::string_view::npos) break;
    content.remove_prefix(end + 1);
  }
  return lines;
}

// The name that a line sets, lower case; empty for comments and blank lines.
std::string setting_name(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos || line[begin] == '#') return {};
  line.remove_prefix(begin);
  std::string name(line.substr(0, line.find_first_of(" \t=")));
  for (char& c : name) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return name;
}

template <std::size_t N>
bool is_one_of(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

enum class Keep : std::uint8_t { copy_settings, nothing_of_ours };

std::string stripped(std::string_view content, Keep keep) {
  std::string out;
  bool marked = false;
  for (const auto line : lines_of(content)) {
    const std::string name = setting_name(line);
    marked = marked || line == begin_mark;
    if (marked && is_one_of(listening_names, name)) continue;
    if (is_one_of(recovery_names, name) || line == begin_mark) continue;
    if (keep == Keep::nothing_of_ours && (is_one_of(copy_names, name) || line == copy_mark)) continue;
    out += line;
    out += '\n';
  }
  return out;
}

class Lines {
 public:
  void add(std::string_view name, std::string_view value) {
    text_ += fmt::format("{} = {}\n", name, quote_setting(value));
  }
  void comment(std::string_view line) { text_ += fmt::format("{}\n", line); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

bool is_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  return !text.empty() && problem == std::errc() && end == text.data() + text.size();
}

// The server's own way of writing a moment, in UTC whatever its TimeZone is.
std::string server_time(Timestamp time) {
  std::string text = to_rfc3339(time);
  text.pop_back();
  text[10] = ' ';
  return text + "+00";
}

Result<> add_target(Lines& lines, const RecoveryTarget& target) {
  const auto one_line = [](std::string_view text) {
    return !text.empty() && std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20; });
  };
  bool can_be_exclusive = true;
  switch (target.kind) {
    case TargetKind::latest:
      return {};
    case TargetKind::immediate:
      lines.add("recovery_target", "immediate");
      return {};
    case TargetKind::name:
      // MAXFNAMELEN of the server: a restore point has at most 63 bytes.
      if (!one_line(target.text) || target.text.size() > 63) {
        return fail(Code::invalid, fmt::format("\"{}\" is not the name of a restore point", target.text));
      }
      lines.add("recovery_target_name", target.text);
      can_be_exclusive = false;
      break;
    case TargetKind::time:
      lines.add("recovery_target_time", server_time(target.time));
      break;
    case TargetKind::lsn:
      lines.add("recovery_target_lsn", to_text(target.lsn));
      break;
    case TargetKind::xid:
      if (!is_number(target.text))
        return fail(Code::invalid, fmt::format("\"{}\" is not a transaction id", target.text));
      lines.add("recovery_target_xid", target.text);
      break;
  }
  if (!target.inclusive && can_be_exclusive) lines.add("recovery_target_inclusive", "off");
  return {};
}

Result<std::string> timeline_text(const RecoverySettings& settings) {
  const std::string& wanted = settings.target.timeline;
  if (wanted.empty()) return settings.timeline.value() == 0 ? "latest" : std::to_string(settings.timeline.value());
  if (wanted == "latest" || wanted == "current" || is_number(wanted)) return wanted;
  return fail(Code::invalid, fmt::format("\"{}\" is not a timeline", wanted), "write latest, current or a number");
}

}  // namespace

std::string quote_setting(std::string_view value) {
  std::string out = "'";
  for (const char c : value) {
    // Backslash escapes are read inside these quotes too.
    if (c == '\'' || c == '\\') out += c;
    out += c;
  }
  return out + "'";
}

std::string quote_restore_word(std::string_view word) {
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '%') out += '%';  // the server's own escapes come first
      out += c;
    }
  }
  return out + "'";
}

std::string wal_get_command(const std::string& agent_program, const std::string& socket) {
  return fmt::format("{} wal-get --socket {} \"%f\" \"%p\"", quote_restore_word(agent_program),
                     quote_restore_word(socket));
}

std::string staged_wal_command(const std::string& directory) {
  const std::string from = quote_restore_word(directory);
  return fmt::format("test -d {0} || exit 255; test -e {0}/\"%f\" || exit 1; cp {0}/\"%f\" \"%p\" || exit 255", from);
}

Result<std::string> recovery_auto_conf(std::string_view old_content, const RecoverySettings& settings) {
  if (settings.major_version < 13 || settings.major_version > 18) {
    return fail(Code::unsupported, fmt::format("PostgreSQL {} is none of 13 to 18", settings.major_version));
  }
  Lines lines;
  if (settings.identity == ClusterIdentity::copy) {
    lines.comment(copy_mark);
    // The copy has the original's configuration. Its archive_command would put WAL of another history beside the
    // original's; a command that fails instead would fill pg_wal. The original's standbys never confirm to the copy, so
    // every commit would wait for ever.
    lines.add("archive_mode", "off");
    lines.add("synchronous_standby_names", "");
  }
  if (settings.port) lines.add("port", std::to_string(*settings.port));
  lines.comment(begin_mark);
  lines.add("restore_command", settings.restore_command);
  TRY(add_target(lines, settings.target));
  lines.add("recovery_target_timeline", TRY(timeline_text(settings)));
  if (settings.target.kind != TargetKind::latest) lines.add("recovery_target_action", "promote");
  // Nobody reads from it before it is promoted, and without readers the server does not insist on as many connections
  // and locks as the original had.
  if (settings.watch == RecoveryWatch::watched) {
    lines.add("hot_standby", "off");
    // How it ended only its log says: in plain lines, in the words that are looked for. A reload undoes these.
    lines.add("log_destination", "stderr");
    lines.add("lc_messages", "C");
    lines.add("log_min_messages", "warning");
  }
  const Keep keep =
      settings.identity == ClusterIdentity::copy || settings.port ? Keep::nothing_of_ours : Keep::copy_settings;
  return stripped(old_content, keep) + lines.text();
}

std::string without_recovery(std::string_view content) {
  return stripped(content, Keep::copy_settings);
}

Result<std::string> moved_tablespace_map(std::string_view content,
                                         const std::vector<std::pair<std::uint32_t, std::string>>& moved) {
  std::string out;
  // A line break inside a path is escaped with a backslash before it.
  std::size_t begin = 0;
  while (begin < content.size()) {
    std::size_t end = begin;
    while (end < content.size() && content[end] != '\n') end += content[end] == '\\' ? 2 : 1;
    end = std::min(end, content.size());
    const std::string_view line = content.substr(begin, end - begin);
    const auto space = line.find(' ');
    std::uint32_t oid = 0;
    const auto [stop, problem] = std::from_chars(line.data(), line.data() + line.size(), oid);
    if (space == std::string_view::npos || problem != std::errc() || stop != line.data() + space) {
      return fail(Code::corrupt, fmt::format("\"{}\" is not a line of a tablespace_map", line));
    }
    const auto place = std::ranges::find(moved, oid, &std::pair<std::uint32_t, std::string>::first);
    if (place == moved.end()) {
      out += line;
    } else {
      out += fmt::format("{} ", oid);
      for (const char c : place->second) {
        if (c == '\n' || c == '\r' || c == '\\') out += '\\';
        out += c;
      }
    }
    out += '\n';
    begin = end + 1;
  }
  return out;
}

}  // namespace holdfast
