#include "coordinator/core/restore_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace holdfast {
namespace {

// What is durable, a backup's own log too: it is complete only when that is stored, and its node's next heartbeat may
// be a minute away.
std::vector<WalRange> durable_ranges(const DatabaseHistory& history, const std::vector<Backup>& backups) {
  std::vector<WalRange> ranges;
  for (const WalRange& range : history.ranges) merge_wal_range(ranges, range);
  for (const Backup& backup : backups) {
    if (backup.stop_lsn <= backup.start_lsn) continue;
    WalRange own;
    own.database = history.database;
    own.timeline = backup.timeline;
    own.first = backup.start_lsn;
    own.last = backup.stop_lsn;
    own.from_time = backup.started_at;
    merge_wal_range(ranges, own);
  }
  return ranges;
}

std::vector<Backup> complete_newest_first(const DatabaseHistory& history) {
  std::vector<Backup> complete;
  for (const Backup& backup : history.backups) {
    if (backup.state != BackupState::complete) continue;
    complete.push_back(backup);
    complete.back().record.clear();
  }
  std::sort(complete.begin(), complete.end(), [](const Backup& a, const Backup& b) {
    return std::pair(a.finished_at, a.id) > std::pair(b.finished_at, b.id);
  });
  return complete;
}

struct Search {
  const DatabaseHistory& history;
  const RecoveryTarget& target;
  std::vector<Backup> backups;  // newest first
  std::vector<WalRange> ranges;
};

Timeline newest_timeline(const Search& search) {
  Timeline newest(1);
  for (const auto& range : search.ranges) newest = std::max(newest, range.timeline);
  for (const auto& backup : search.backups) newest = std::max(newest, backup.timeline);
  for (const auto& change : search.history.switches) newest = std::max(newest, change.timeline);
  return newest;
}

std::set<Timeline> known_timelines(const Search& search) {
  std::set<Timeline> all;
  for (const auto& range : search.ranges) all.insert(range.timeline);
  for (const auto& backup : search.backups) all.insert(backup.timeline);
  return all;
}

Timestamp begin_of(const Search& search, Timeline timeline) {
  Timestamp begin;
  const auto earlier = [&begin](Timestamp time) {
    if (!time.is_never() && (begin.is_never() || time < begin)) begin = time;
  };
  for (const auto& range : search.ranges) {
    if (range.timeline == timeline) earlier(range.from_time);
  }
  return begin;
}

Timestamp end_of(const Search& search, Timeline timeline) {
  Timestamp end;
  for (const auto& range : search.ranges) {
    if (range.timeline == timeline) end = std::max(end, range.through_time);
  }
  return end;
}

// The one that is being written. Not always the highest: a restore that was rolled back leaves its own timeline behind,
// and the server goes on with the one from before.
Timeline current_timeline(const Search& search) {
  Timeline current = newest_timeline(search);
  for (const Timeline timeline : known_timelines(search)) {
    if (end_of(search, timeline) > end_of(search, current)) current = timeline;
  }
  return current;
}

// For a moment, the timeline that was written at that moment: after a restore to an earlier point the newest timeline
// does not pass through what was undone, but somebody may well want that back. Between the end of one timeline and the
// beginning of the next (a failover) it is the next.
std::vector<Timeline> timelines_at(const Search& search, Timestamp time) {
  const auto known = known_timelines(search);
  if (known.empty()) return {};
  Timeline current = *known.begin();
  for (const Timeline timeline : known) {
    const Timestamp begin = begin_of(search, timeline);
    if (begin.is_never() || begin <= time) current = timeline;
  }
  std::vector<Timeline> candidates = {current};
  if (end_of(search, current) >= time) return candidates;
  for (const Timeline timeline : known) {
    if (timeline > current) candidates.push_back(timeline);
  }
  // One from before that was taken up again.
  for (const Timeline timeline : known) {
    if (timeline < current && end_of(search, timeline) >= time) candidates.push_back(timeline);
  }
  return candidates;
}

Result<std::vector<Timeline>> candidate_timelines(const Search& search) {
  const RecoveryTarget& target = search.target;
  if (target.timeline == "latest") return std::vector<Timeline>{newest_timeline(search)};
  if (target.timeline == "current") return std::vector<Timeline>{};  // each backup's own
  if (!target.timeline.empty()) {
    std::uint32_t number = 0;
    const char* end = target.timeline.data() + target.timeline.size();
    const auto [stop, error] = std::from_chars(target.timeline.data(), end, number);
    if (error != std::errc{} || stop != end || number == 0) {
      return fail(Code::invalid, "\"" + target.timeline + "\" is not a timeline", "use latest, current or a number");
    }
    return std::vector<Timeline>{Timeline(number)};
  }
  if (target.kind == TargetKind::time) return timelines_at(search, target.time);
  return std::vector<Timeline>{current_timeline(search)};
}

// nullopt: the backup does not lie on the way to this timeline.
std::optional<WalReach> reach_from(const Search& search, const Backup& backup, Timeline timeline) {
  const auto path = timeline_path(search.history.switches, backup.timeline, timeline);
  if (!path) return std::nullopt;
  if (path->front().until && backup.stop_lsn > *path->front().until) return std::nullopt;
  WalReach reach = follow_wal(search.ranges, *path, backup.start_lsn);
  if (reach.lsn < backup.stop_lsn) {  // its log was complete when it was: the ranges lag behind
    reach.lsn = backup.stop_lsn;
    reach.timeline = backup.timeline;
  }
  reach.time = std::max(reach.time, backup.finished_at);
  return reach;
}

bool begins_in_time(const Backup& backup, const RecoveryTarget& target) {
  if (target.kind == TargetKind::time) return backup.finished_at <= target.time;
  if (target.kind == TargetKind::lsn) return backup.stop_lsn <= target.lsn;
  return true;
}

bool arrives(const WalReach& reach, const RecoveryTarget& target) {
  if (target.kind == TargetKind::time) return reach.time >= target.time;
  if (target.kind == TargetKind::lsn) return reach.lsn >= target.lsn;
  return true;
}

std::string target_text(const RecoveryTarget& target) {
  switch (target.kind) {
    case TargetKind::time:
      return to_rfc3339(target.time);
    case TargetKind::lsn:
      return to_text(target.lsn);
    case TargetKind::xid:
      return "transaction " + target.text;
    case TargetKind::name:
      return "\"" + target.text + "\"";
    case TargetKind::latest:
      return "its latest point";
    case TargetKind::immediate:
      return "the end of a backup";
  }
  return {};
}

std::unexpected<Error> not_reachable(const Search& search, const std::string& why, const std::string& nearest) {
  return fail(
      Code::not_restorable,
      fmt::format("database \"{}\" cannot be restored to {}: {}", search.history.name, target_text(search.target), why),
      nearest.empty() ? "holdfast window list" : "the nearest possible point is " + nearest);
}

std::unexpected<Error> explain(const Search& search, const std::vector<WalReach>& reaches) {
  if (search.backups.empty()) return not_reachable(search, "it has no complete backup", "");
  const RecoveryTarget& target = search.target;
  const auto oldest = std::min_element(search.backups.begin(), search.backups.end(),
                                       [](const auto& a, const auto& b) { return a.finished_at < b.finished_at; });
  if (target.kind == TargetKind::time) {
    if (reaches.empty()) {
      const std::string begin = to_rfc3339(oldest->finished_at);
      return not_reachable(search, "its first backup that could be used was finished at " + begin, begin);
    }
    const auto best =
        std::max_element(reaches.begin(), reaches.end(), [](const auto& a, const auto& b) { return a.time < b.time; });
    const std::string end = to_rfc3339(best->time);
    return not_reachable(search, fmt::format("its log in the stores goes without a gap through {}", end), end);
  }
  if (reaches.empty()) {
    return not_reachable(search, "no backup lies before it on that timeline", to_text(oldest->stop_lsn));
  }
  const auto best =
      std::max_element(reaches.begin(), reaches.end(), [](const auto& a, const auto& b) { return a.lsn < b.lsn; });
  return not_reachable(search, fmt::format("its log in the stores goes without a gap through {}", to_text(best->lsn)),
                       to_text(best->lsn));
}

Result<PlannedSource> plan_postgres(const Search& search) {
  std::vector<WalReach> reaches;
  const auto candidates = TRY(candidate_timelines(search));
  const auto attempt = [&](const Backup& backup, Timeline timeline) -> std::optional<PlannedSource> {
    if (!begins_in_time(backup, search.target)) return std::nullopt;
    const auto reach = reach_from(search, backup, timeline);
    if (!reach) return std::nullopt;
    reaches.push_back(*reach);
    if (!arrives(*reach, search.target)) return std::nullopt;
    return PlannedSource{backup, timeline, reach->lsn, reach->time, {}};
  };
  if (candidates.empty()) {
    for (const Backup& backup : search.backups) {
      if (auto source = attempt(backup, backup.timeline)) return *std::move(source);
    }
  }
  for (const Timeline timeline : candidates) {
    for (const Backup& backup : search.backups) {
      if (auto source = attempt(backup, timeline)) return *std::move(source);
    }
  }
  return explain(search, reaches);
}

Result<PlannedSource> plan_sqlite(const Search& search) {
  const RecoveryTarget& target = search.target;
  if (target.kind == TargetKind::lsn || target.kind == TargetKind::xid || target.kind == TargetKind::name) {
    return fail(Code::invalid, fmt::format("database \"{}\" is SQLite and has no such point", search.history.name),
                "restore it to a time or a backup");
  }
  for (const Backup& backup : search.backups) {
    if (!begins_in_time(backup, target)) continue;
    PlannedSource source{backup, {}, {}, backup.finished_at, {}};
    if (target.kind == TargetKind::time && backup.finished_at < target.time) {
      source.notes.push_back(fmt::format("database \"{}\": its latest backup before {} is of {}", search.history.name,
                                         to_rfc3339(target.time), to_rfc3339(backup.finished_at)));
    }
    return source;
  }
  return explain(search, {});
}

void add_notes(PlannedSource& source, const Search& search) {
  const std::string& name = search.history.name;
  if (search.target.kind == TargetKind::latest) {
    source.notes.push_back(fmt::format("database \"{}\": everything committed through {} comes back", name,
                                       to_rfc3339(source.reach_time)));
  }
  if (search.target.kind == TargetKind::xid || search.target.kind == TargetKind::name) {
    source.notes.push_back(
        fmt::format("database \"{}\": whether {} lies behind the backup of {} shows during the restore", name,
                    target_text(search.target), to_rfc3339(source.backup.finished_at)));
  }
  if (source.backup.bad_pages > 0) {
    source.notes.push_back(fmt::format("database \"{}\": the backup has {} bad pages", name, source.backup.bad_pages));
  }
}

}  // namespace

Result<PlannedSource> plan_source(const DatabaseHistory& history, const RecoveryTarget& target,
                                  const std::optional<BackupId>& wanted) {
  Search search{history, target, complete_newest_first(history), {}};
  search.ranges = durable_ranges(history, search.backups);
  if (wanted) {
    std::erase_if(search.backups, [&wanted](const Backup& backup) { return backup.id != *wanted; });
    if (search.backups.empty()) {
      return fail(Code::not_found, fmt::format("database \"{}\" has no complete backup {}", history.name, *wanted));
    }
  }
  PlannedSource source = TRY(history.engine == Engine::sqlite ? plan_sqlite(search) : plan_postgres(search));
  if (history.engine == Engine::postgres) add_notes(source, search);
  return source;
}

std::optional<Window> recovery_window(const DatabaseHistory& history) {
  const RecoveryTarget latest;
  Search search{history, latest, complete_newest_first(history), {}};
  if (search.backups.empty()) return std::nullopt;
  search.ranges = durable_ranges(history, search.backups);
  std::reverse(search.backups.begin(), search.backups.end());
  Window window;
  Timeline through;  // of window.through_lsn
  window.database = history.database;
  window.database_name = history.name;
  window.from = window.to = search.backups.front().finished_at;
  if (history.engine == Engine::sqlite) {
    window.to = search.backups.back().finished_at;
    return window;
  }
  const Timeline current = current_timeline(search);
  for (const Backup& backup : search.backups) {
    auto reach = reach_from(search, backup, current);
    if (!reach) reach = reach_from(search, backup, backup.timeline);
    // Its end is by another clock reading than the log's: what is stored beyond it has no gap before it.
    const bool passed = through == backup.timeline && backup.stop_lsn <= window.through_lsn;
    if (backup.finished_at > window.to && !passed) {
      window.gaps.push_back({window.to, backup.finished_at, window.through_lsn, backup.stop_lsn});
    }
    if (reach && reach->time >= window.to) {
      window.to = reach->time;
      window.through_lsn = reach->lsn;
      through = reach->timeline;
    }
  }
  return window;
}

std::optional<OpenGap> open_gap(const DatabaseHistory& history) {
  const RecoveryTarget latest;
  Search search{history, latest, complete_newest_first(history), {}};
  if (history.engine != Engine::postgres || search.backups.empty()) return std::nullopt;
  search.ranges = durable_ranges(history, search.backups);
  const Timeline current = current_timeline(search);
  const WalRange* newest = nullptr;
  for (const WalRange& range : search.ranges) {
    if (range.timeline == current) newest = &range;
  }
  if (newest == nullptr) return std::nullopt;
  std::optional<WalReach> furthest;
  bool on_the_way = false;
  for (const Backup& backup : search.backups) {
    auto reach = reach_from(search, backup, current);
    on_the_way = on_the_way || reach;
    if (!reach) reach = reach_from(search, backup, backup.timeline);
    if (!reach) continue;
    if (reach->timeline == current && reach->lsn >= newest->last) return std::nullopt;
    if (!furthest || reach->time > furthest->time) furthest = reach;
  }
  const auto begun = [current](const TimelineChange& change) { return change.timeline == current; };
  const bool known = std::any_of(history.switches.begin(), history.switches.end(), begun);
  if (!furthest || (!on_the_way && current > Timeline(1) && !known)) return std::nullopt;
  return OpenGap{furthest->time, furthest->lsn, newest->first};
}

std::vector<WalPart> log_behind(const DatabaseHistory& history, BackupId id) {
  const RecoveryTarget latest;
  Search search{history, latest, complete_newest_first(history), {}};
  search.ranges = durable_ranges(history, search.backups);
  const auto backup = std::ranges::find(search.backups, id, &Backup::id);
  if (backup == search.backups.end() || history.engine == Engine::sqlite) return {};
  auto path = timeline_path(history.switches, backup->timeline, current_timeline(search));
  // It lies behind the switch: what is written now does not come from it.
  if (path && path->front().until && *path->front().until < backup->stop_lsn) path.reset();
  if (!path) path = {{backup->timeline, std::nullopt}};
  std::vector<WalPart> parts;
  Lsn at = backup->stop_lsn;
  for (const TimelineStep& step : *path) {
    const auto released = history.released_before.find(step.timeline);
    const bool cut = released != history.released_before.end() && at < released->second;
    Lsn last = at;
    for (const WalRange& range : search.ranges) {
      if (range.timeline == step.timeline && (!cut || range.first <= at)) last = std::max(last, range.last);
    }
    // What a timeline has behind the switch is of another history; what it lacks before it, the next one repeats.
    if (step.until) last = std::min(last, std::max(at, *step.until));
    parts.push_back({step.timeline, at, last});
    at = last;
    if (cut && !(step.until && at >= *step.until)) break;
  }
  return parts;
}

std::vector<EpochId> needed_epochs(const std::vector<EpochId>& of_backup, Timestamp backup_started_at, Engine engine,
                                   const std::vector<EpochMoment>& epochs) {
  std::set<EpochId> needed(of_backup.begin(), of_backup.end());
  if (engine == Engine::sqlite) return {needed.begin(), needed.end()};
  std::map<NodeId, EpochMoment> in_use;  // of each node, when the backup began
  for (const EpochMoment& epoch : epochs) {
    if (epoch.created_at > backup_started_at) {
      needed.insert(epoch.id);
      continue;
    }
    const auto [at, added] = in_use.try_emplace(epoch.node, epoch);
    if (!added && epoch.created_at > at->second.created_at) at->second = epoch;
  }
  for (const auto& [node, epoch] : in_use) needed.insert(epoch.id);
  return {needed.begin(), needed.end()};
}

}  // namespace holdfast
