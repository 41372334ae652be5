#include "coordinator/cli/arguments.h"

#include <fmt/format.h>

#include <set>

namespace holdfast {

void add_selection(CommandWord& verb, SelectionArguments& arguments, const std::string& what, Completes completes) {
  verb.option(what, arguments.names, "names, ids or beginnings of ids").completes(completes);
  verb.option("-l,--selector", arguments.selector, "by labels: env=prod,role!=drill,zone in (a,b)");
}

Result<> require_selection(const Selection& selection, const std::string& verb) {
  if (!selection.empty()) return {};
  return fail(Code::invalid, "nothing is selected to " + verb, "name databases, or select them with -l key=value");
}

void add_target(CommandWord& verb, TargetArguments& arguments) {
  verb.option("--to-time", arguments.time, "to this moment: 2026-11-21T01:10:46Z, or with an offset");
  verb.option("--to-lsn", arguments.lsn, "to this WAL position: 16/B374D848");
  verb.option("--to-xid", arguments.xid, "to the commit of this transaction");
  verb.option("--to-name", arguments.name, "to this named restore point");
  verb.flag("--immediate", arguments.immediate, "only until the backup is consistent");
  verb.flag("--latest", arguments.latest, "to the newest there is (the default)");
  verb.flag("--exclusive", arguments.exclusive, "stop just before that point, not behind it");
  verb.option("--timeline", arguments.timeline, "along this timeline: latest, current or a number");
  verb.option("--backup", arguments.backup, "from this backup (alone: to its own end)").completes(Completes::backups);
}

namespace {

Result<> read_target(const TargetArguments& arguments, RecoveryTarget& target) {
  switch (target.kind) {
    case TargetKind::time:
      target.time = TRY_DURING("--to-time", parse_time(arguments.time));
      break;
    case TargetKind::lsn:
      target.lsn = TRY_DURING("--to-lsn", parse_lsn(arguments.lsn));
      break;
    case TargetKind::xid:
      if (arguments.xid.find_first_not_of("0123456789") != std::string::npos) {
        return fail(Code::invalid, "--to-xid: \"" + arguments.xid + "\" is not a transaction id");
      }
      target.text = arguments.xid;
      break;
    case TargetKind::name:
      target.text = arguments.name;
      break;
    case TargetKind::latest:
    case TargetKind::immediate:
      break;
  }
  return {};
}

Result<> check_timeline(const std::string& timeline) {
  if (timeline.empty() || timeline == "latest" || timeline == "current") return {};
  TRY_DURING("--timeline", parse_timeline(timeline));
  return {};
}

}  // namespace

Result<RecoveryTarget> parse_target(const TargetArguments& arguments) {
  struct Given {
    const char* name;
    bool given;
    TargetKind kind;
  };
  RecoveryTarget target;
  target.kind = arguments.backup.empty() ? TargetKind::latest : TargetKind::immediate;
  const char* first = nullptr;
  for (const Given& one : {Given{"--to-time", !arguments.time.empty(), TargetKind::time},
                           Given{"--to-lsn", !arguments.lsn.empty(), TargetKind::lsn},
                           Given{"--to-xid", !arguments.xid.empty(), TargetKind::xid},
                           Given{"--to-name", !arguments.name.empty(), TargetKind::name},
                           Given{"--immediate", arguments.immediate, TargetKind::immediate},
                           Given{"--latest", arguments.latest, TargetKind::latest}}) {
    if (!one.given) continue;
    if (first != nullptr) {
      return fail(Code::invalid, fmt::format("{} and {} cannot be given together", first, one.name));
    }
    first = one.name;
    target.kind = one.kind;
  }
  TRY(read_target(arguments, target));
  const bool has_sides =
      target.kind == TargetKind::time || target.kind == TargetKind::lsn || target.kind == TargetKind::xid;
  if (arguments.exclusive && !has_sides) {
    return fail(Code::invalid, "--exclusive needs --to-time, --to-lsn or --to-xid");
  }
  target.inclusive = !arguments.exclusive;
  TRY(check_timeline(arguments.timeline));
  target.timeline = arguments.timeline;
  return target;
}

void add_yes(CommandWord& verb, bool& yes) {
  verb.flag("--yes", yes, "do not ask");
}
void add_dry_run(CommandWord& verb, bool& dry_run) {
  verb.flag("--dry-run", dry_run, "say what would happen, change nothing");
}

Result<Labels> parse_labels(const std::vector<std::string>& texts) {
  Labels labels;
  for (const std::string& text : texts) {
    const std::size_t at = text.find('=');
    if (at == std::string::npos || at == 0) return fail(Code::invalid, "label \"" + text + "\" is not like key=value");
    if (!labels.emplace(text.substr(0, at), text.substr(at + 1)).second) {
      return fail(Code::invalid, "label \"" + text.substr(0, at) + "\" is given twice");
    }
  }
  return labels;
}

Result<std::vector<std::pair<std::string, std::string>>> parse_mappings(const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& text : texts) {
    const std::size_t at = text.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
      return fail(Code::invalid, "\"" + text + "\" is not like /from=/to");
    }
    out.emplace_back(text.substr(0, at), text.substr(at + 1));
  }
  return out;
}

namespace {

// Fields of one line of CSV. Code::invalid without a place; the caller knows it.
Result<std::vector<std::string>> split_fields(const std::string& line) {
  std::vector<std::string> fields{""};
  enum class Inside { plain, quotes, after_quotes } inside = Inside::plain;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (inside == Inside::quotes) {
      if (c != '"') {
        fields.back().push_back(c);
      } else if (i + 1 < line.size() && line[i + 1] == '"') {
        fields.back().push_back('"');
        ++i;
      } else {
        inside = Inside::after_quotes;
      }
    } else if (c == ',') {
      fields.emplace_back();
      inside = Inside::plain;
    } else if (c == '"' && inside == Inside::plain && fields.back().empty()) {
      inside = Inside::quotes;
    } else if (inside == Inside::after_quotes) {
      return fail(Code::invalid, "text behind a closing quote");
    } else {
      fields.back().push_back(c);
    }
  }
  if (inside == Inside::quotes) return fail(Code::invalid, "a quote is not closed");
  return fields;
}

}  // namespace

Result<std::vector<RestorePlanRequest::Mapping>> parse_map(const std::string& text, const std::string& source) {
  std::vector<RestorePlanRequest::Mapping> map;
  std::set<std::string> seen;
  std::size_t number = 0;
  std::size_t begin = 0;
  while (begin < text.size()) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    begin = end + 1;
    ++number;
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const std::string place = fmt::format("{}:{}", source, number);
    const std::vector<std::string> fields = TRY_DURING(place, split_fields(line));
    if (fields.size() != 3) {
      return fail(Code::invalid, fmt::format("{}: {} fields instead of database,node,directory", place, fields.size()));
    }
    if (map.empty() && fields[0] == "database" && fields[1] == "node" && fields[2] == "directory") continue;
    if (fields[0].empty()) return fail(Code::invalid, place + ": the database is empty");
    if (!seen.insert(fields[0]).second)
      return fail(Code::invalid, place + ": \"" + fields[0] + "\" stands there twice");
    map.push_back({fields[0], fields[1], fields[2]});
  }
  if (map.empty()) return fail(Code::invalid, source + ": no database in it");
  return map;
}

}  // namespace holdfast
