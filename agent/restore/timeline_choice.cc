#include "agent/restore/timeline_choice.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

// A backup proves that its timeline was there, also when the log around it is gone.
void add_backups(std::vector<WalTimeline>& timelines, const std::vector<BackupRecord>& backups) {
  for (const BackupRecord& backup : backups) {
    auto at = std::ranges::find(timelines, backup.timeline, &WalTimeline::timeline);
    if (at == timelines.end()) {
      at = timelines.insert(at, WalTimeline{backup.timeline, backup.started_at, {}, {}});
    }
    if (at->begun.is_never() || backup.started_at < at->begun) at->begun = backup.started_at;
    at->received_through = std::max(at->received_through, backup.finished_at);
    at->recoverable_through = std::max(at->recoverable_through, backup.finished_at);
  }
  std::ranges::sort(timelines, {}, &WalTimeline::timeline);
}

bool leads_to(const BackupRecord& backup, const TimelineHistory& history) {
  if (!history.includes(backup.timeline)) return false;
  const auto left = history.left_at(backup.timeline);
  return !left || backup.stop_lsn <= *left;
}

Result<RestoreSource> source_on(Timeline timeline, const std::vector<BackupRecord>& backups,
                                const RecoveryTarget& target, const std::string& wanted_backup,
                                const HistoryOf& history) {
  const TimelineHistory past = TRY(history(timeline));
  std::vector<BackupRecord> leading;
  std::ranges::copy_if(backups, std::back_inserter(leading),
                       [&](const auto& backup) { return leads_to(backup, past); });
  return RestoreSource{TRY(choose_backup(leading, target, wanted_backup)), timeline};
}

std::vector<Timeline> candidates_for(const RecoveryTarget& target, const std::vector<WalTimeline>& timelines) {
  const Timeline current = current_timeline(timelines);
  if (target.kind != TargetKind::time) return {current};
  std::vector<Timeline> candidates = timelines_at(timelines, target.time);
  const auto arrives = [&](Timeline timeline) {
    return std::ranges::find(timelines, timeline, &WalTimeline::timeline)->recoverable_through >= target.time;
  };
  std::ranges::stable_partition(candidates, arrives);
  // What none of them tells of, the one that is being written comes closest to.
  if (candidates.empty() || !arrives(candidates.front())) candidates.insert(candidates.begin(), current);
  return candidates;
}

Result<Timeline> named_timeline(const std::string& name, const std::vector<WalTimeline>& timelines) {
  if (name == "latest") return timelines.empty() ? Timeline(1) : timelines.back().timeline;
  return parse_timeline(name);
}

}  // namespace

Timeline current_timeline(const std::vector<WalTimeline>& timelines) {
  const WalTimeline* current = nullptr;
  for (const WalTimeline& timeline : timelines) {
    if (current == nullptr || timeline.received_through >= current->received_through) current = &timeline;
  }
  return current == nullptr ? Timeline(1) : current->timeline;
}

std::vector<Timeline> timelines_at(const std::vector<WalTimeline>& timelines, Timestamp time) {
  if (timelines.empty()) return {};
  const WalTimeline* current = &timelines.front();
  for (const WalTimeline& timeline : timelines) {
    if (timeline.begun.is_never() || timeline.begun <= time) current = &timeline;
  }
  std::vector<Timeline> candidates{current->timeline};
  if (current->recoverable_through >= time) return candidates;
  for (const WalTimeline& timeline : timelines) {
    if (timeline.timeline > current->timeline) candidates.push_back(timeline.timeline);
  }
  for (const WalTimeline& timeline : timelines) {
    const bool taken_up_again = timeline.timeline < current->timeline && timeline.recoverable_through >= time;
    if (taken_up_again) candidates.push_back(timeline.timeline);
  }
  return candidates;
}

Result<RestoreSource> choose_source(const std::vector<BackupRecord>& backups, std::vector<WalTimeline> timelines,
                                    const RecoveryTarget& target, const std::string& wanted_backup,
                                    const HistoryOf& history) {
  add_backups(timelines, backups);
  if (target.timeline == "current") {
    const BackupRecord backup = TRY(choose_backup(backups, target, wanted_backup));
    return RestoreSource{backup, backup.timeline};
  }
  if (!target.timeline.empty()) {
    return source_on(TRY(named_timeline(target.timeline, timelines)), backups, target, wanted_backup, history);
  }
  for (const Timeline timeline : candidates_for(target, timelines)) {
    auto source = source_on(timeline, backups, target, wanted_backup, history);
    const auto why = source ? Code::internal : source.error().code;
    if (source || (why != Code::not_restorable && why != Code::not_found)) return source;
  }
  // None of the way that is wanted; what there is at all says more.
  const BackupRecord backup = TRY(choose_backup(backups, target, wanted_backup));
  if (!wanted_backup.empty()) return RestoreSource{backup, backup.timeline};
  return fail(Code::not_restorable,
              fmt::format("no backup leads to timeline {}, which was written last", current_timeline(timelines)),
              fmt::format("--timeline {} restores along that of backup {}", backup.timeline, backup.backup));
}

Result<BackupRecord> choose_backup(const std::vector<BackupRecord>& backups, const RecoveryTarget& target,
                                   const std::string& wanted_backup) {
  if (backups.empty()) return fail(Code::not_restorable, "the database has no complete backup");
  const BackupRecord* best = nullptr;
  for (const BackupRecord& backup : backups) {
    if (!wanted_backup.empty()) {
      if (!backup.backup.text().starts_with(wanted_backup)) continue;
      if (best != nullptr) return fail(Code::invalid, fmt::format("\"{}\" is more than one backup", wanted_backup));
      best = &backup;
      continue;
    }
    if (target.kind == TargetKind::time && backup.finished_at > target.time) continue;
    if (target.kind == TargetKind::lsn && backup.stop_lsn > target.lsn) continue;
    if (best == nullptr || backup.finished_at > best->finished_at) best = &backup;
  }
  if (best != nullptr) return *best;
  if (!wanted_backup.empty()) return fail(Code::not_found, fmt::format("there is no backup \"{}\"", wanted_backup));
  const auto& first = *std::ranges::min_element(backups, {}, &BackupRecord::finished_at);
  return fail(
      Code::not_restorable, "no backup ends before the target",
      fmt::format("the first point that can be restored is {} ({})", to_rfc3339(first.finished_at), first.stop_lsn));
}

}  // namespace holdfast
