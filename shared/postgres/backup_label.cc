#include "shared/postgres/backup_label.h"

#include <algorithm>

namespace holdfast {
namespace {

// "0/2000028 (file 000000010000000000000002)"
Result<> parse_start(std::string_view value, BackupLabel& into) {
  const auto space = value.find(' ');
  if (space == std::string_view::npos) return fail(Code::corrupt, "no file name after the start location");
  into.start = TRY(parse_lsn(value.substr(0, space)));
  std::string_view file = value.substr(space + 1);
  if (!file.starts_with("(file ") || !file.ends_with(")")) return fail(Code::corrupt, "malformed start location");
  file = file.substr(6, file.size() - 7);
  const auto name = TRY(classify_wal_file(file));
  if (name.kind != WalFileKind::segment) return fail(Code::corrupt, "the start file is not a WAL segment");
  into.start_file = name.segment;
  return {};
}

Result<> parse_line(std::string_view key, std::string_view value, BackupLabel& into) {
  if (key == "START WAL LOCATION") return parse_start(value, into);
  if (key == "CHECKPOINT LOCATION") {
    into.checkpoint = TRY(parse_lsn(value));
  } else if (key == "BACKUP FROM") {
    if (value != "primary" && value != "standby" && value != "master") {
      return fail(Code::corrupt, fmt::format("backup from \"{}\"", value));
    }
    into.from = value == "standby" ? BackupLabel::From::standby : BackupLabel::From::primary;
  } else if (key == "START TIME") {
    into.start_time = value;
  } else if (key == "LABEL") {
    into.label = value;
  } else if (key == "START TIMELINE") {
    into.timeline = TRY(parse_timeline(value));
  } else if (key.starts_with("INCREMENTAL FROM")) {
    into.incremental = true;
  }
  return {};
}

}  // namespace

Result<BackupLabel> parse_backup_label(std::string_view content) {
  BackupLabel label;
  while (!content.empty()) {
    const auto line_end = std::min(content.find('\n'), content.size());
    const std::string_view line = content.substr(0, line_end);
    content.remove_prefix(std::min(line_end + 1, content.size()));
    const auto colon = line.find(": ");
    if (colon == std::string_view::npos) continue;
    const auto parsed = parse_line(line.substr(0, colon), line.substr(colon + 2), label);
    if (!parsed) return fail(Code::corrupt, "backup_label: " + parsed.error().message);
  }
  if (label.start_file.empty()) return fail(Code::corrupt, "backup_label: no start location");
  if (label.checkpoint == Lsn()) return fail(Code::corrupt, "backup_label: no checkpoint location");
  // Older servers wrote no timeline line; the file name always has it.
  if (label.timeline == Timeline()) label.timeline = TRY(classify_wal_file(label.start_file)).timeline;
  return label;
}

}  // namespace holdfast
