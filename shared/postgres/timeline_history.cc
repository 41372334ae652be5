#include "shared/postgres/timeline_history.h"

#include <algorithm>

namespace holdfast {
namespace {

std::string_view trim_front(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r");
  return first == std::string_view::npos ? std::string_view{} : text.substr(first);
}

Result<TimelineSwitch> parse_line(std::string_view line) {
  const auto timeline_end = line.find_first_of(" \t");
  if (timeline_end == std::string_view::npos) return fail(Code::corrupt, "no WAL position");
  TimelineSwitch parsed;
  parsed.parent = TRY(parse_timeline(line.substr(0, timeline_end)));
  std::string_view rest = trim_front(line.substr(timeline_end));
  const auto position_end = std::min(rest.find_first_of(" \t\r"), rest.size());
  parsed.at = TRY(parse_lsn(rest.substr(0, position_end)));
  parsed.reason = std::string(trim_front(rest.substr(position_end)));
  return parsed;
}

}  // namespace

Result<TimelineHistory> TimelineHistory::parse(Timeline timeline, std::string_view content) {
  TimelineHistory history(timeline);
  const auto corrupt = [&](std::string_view line, std::string_view why) {
    return fail(Code::corrupt, fmt::format("history of timeline {}: line \"{}\": {}", timeline, line, why));
  };
  while (!content.empty()) {
    const auto line_end = std::min(content.find('\n'), content.size());
    const std::string_view line = trim_front(content.substr(0, line_end));
    content.remove_prefix(std::min(line_end + 1, content.size()));
    if (line.empty() || line[0] == '#') continue;
    auto parsed = parse_line(line);
    if (!parsed) return corrupt(line, parsed.error().message);
    if (parsed->parent >= timeline) return corrupt(line, "an ancestor must be older than the timeline");
    if (!history.switches_.empty() && parsed->parent <= history.switches_.back().parent) {
      return corrupt(line, "timelines must rise");
    }
    if (!history.switches_.empty() && parsed->at < history.switches_.back().at) {
      return corrupt(line, "positions must not fall");
    }
    history.switches_.push_back(std::move(*parsed));
  }
  return history;
}

std::string TimelineHistory::format() const {
  std::string text;
  for (const auto& entry : switches_) text += fmt::format("{}\t{}\t{}\n", entry.parent, entry.at, entry.reason);
  return text;
}

Timeline TimelineHistory::timeline_of(Lsn lsn) const {
  const auto holder = std::ranges::find_if(switches_, [lsn](const TimelineSwitch& entry) { return lsn < entry.at; });
  return holder == switches_.end() ? timeline_ : holder->parent;
}

std::optional<Lsn> TimelineHistory::left_at(Timeline timeline) const {
  const auto found = std::ranges::find(switches_, timeline, &TimelineSwitch::parent);
  if (found == switches_.end()) return std::nullopt;
  return found->at;
}

bool TimelineHistory::includes(Timeline timeline) const {
  return timeline == timeline_ || left_at(timeline);
}

bool TimelineHistory::passes_through(Timeline timeline, Lsn lsn) const {
  if (timeline == timeline_) return true;
  const auto end = left_at(timeline);
  return end && lsn <= *end;
}

}  // namespace holdfast
