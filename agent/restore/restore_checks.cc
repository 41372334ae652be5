#include "agent/restore/restore_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "agent/postgres/server_programs.h"
#include "agent/restore/delta_checks.h"
#include "agent/restore/delta_restore.h"
#include "agent/restore/incomplete_mark.h"
#include "agent/restore/owned_files.h"
#include "shared/os/posix_file_system.h"
#include "shared/postgres/pg_control.h"

namespace holdfast {
namespace {

bool stays_in_place(const RestoreTarget& target) {
  return target.in_place || target.method == RestoreMethod::delta;
}

// Where the target's own link of a tablespace leads; empty: it has none.
std::string linked_place(const std::string& directory, std::uint32_t oid) {
  std::error_code problem;
  const auto leads_to = std::filesystem::read_symlink(fmt::format("{}/pg_tblspc/{}", directory, oid), problem);
  return problem ? std::string() : leads_to.string();
}

// The places of the tablespaces: as mapped, else where the cluster that is overwritten has them, else where they were
// when the cluster goes back to its own place, else beside the new directory, so that a copy on the same host never
// writes into the original's.
std::vector<Tablespace> places_of_tablespaces(const Manifest& manifest, const RestoreTarget& target) {
  std::vector<Tablespace> out;
  for (const Tablespace& recorded : manifest.tablespaces) {
    const auto mapped =
        std::ranges::find(target.tablespaces, recorded.location, &std::pair<std::string, std::string>::first);
    std::string location = recorded.location;
    const bool own = target.method == RestoreMethod::delta && !target.in_place;
    if (mapped != target.tablespaces.end()) {
      location = mapped->second;
    } else if (const auto linked = own ? linked_place(target.directory, recorded.oid) : ""; !linked.empty()) {
      location = linked;
    } else if (!target.in_place) {
      location = fmt::format("{}.tablespaces/{}", target.directory, recorded.oid);
    }
    out.push_back({recorded.oid, std::move(location)});
  }
  return out;
}

std::optional<PgControl> control_of(const std::string& directory) {
  PosixFileSystem files;
  for (const auto name : {control_file_name, put_away_control_name}) {
    const auto content = files.read(fmt::format("{}/{}", directory, name));
    if (!content) continue;
    if (const auto control = parse_pg_control(*content)) return *control;
  }
  return std::nullopt;
}

Result<bool> check_directory(const RestoreTarget& target, const BackupRecord& record) {
  if (target.directory.empty() || target.directory[0] != '/') {
    return fail(Code::invalid, fmt::format("\"{}\" is not an absolute path", target.directory));
  }
  if (check_empty(target.directory)) return false;
  if (!stays_in_place(target)) TRY(check_empty(target.directory));
  // Whatever else lies there is not ours to move away.
  const auto control = control_of(target.directory);
  if (control && control->system_id != record.system_id) {
    return fail(Code::conflict,
                fmt::format("\"{}\" holds another cluster (system id {}, the backup has {})", target.directory,
                            control->system_id.value(), record.system_id.value()),
                "restore to another directory");
  }
  // Damaged, perhaps the reason for the restore. In place the directory is known to be the database's.
  if (!control && !target.in_place && !is_marked_incomplete(target.directory)) {
    return fail(Code::conflict,
                fmt::format("nothing says that \"{}\" is a directory of this cluster: its global/pg_control cannot be "
                            "read",
                            target.directory),
                "restore into an empty directory, without --delta");
  }
  return true;
}

Result<TimelineHistory> history_of(const RestoreTarget& target, const PostgresRestoreRun& run) {
  const Timeline timeline = target.timeline.value() == 0 ? run.record.timeline : target.timeline;
  if (timeline == Timeline(1)) return TimelineHistory();
  const auto content = run.wal.history(timeline);
  if (!content && content.error().code == Code::not_found) return TimelineHistory(timeline);
  if (!content) return std::unexpected(content.error());
  return TimelineHistory::parse(timeline, as_text(*content));
}

}  // namespace

Lsn end_of_log(const TimelineHistory& history, Lsn from, const std::vector<WalStretch>& stretches) {
  Lsn end = from;
  for (bool grew = true; grew;) {
    grew = false;
    const Timeline timeline = history.timeline_of(end);
    const auto left = history.left_at(timeline);
    for (const WalStretch& stretch : stretches) {
      if (stretch.timeline != timeline || stretch.first > end || stretch.last <= end) continue;
      const Lsn last = left ? std::min(stretch.last, *left) : stretch.last;
      grew = last > end;
      end = std::max(end, last);
    }
  }
  return end;
}

std::optional<WalStretch> log_behind(const TimelineHistory& history, Lsn end,
                                     const std::vector<WalStretch>& stretches) {
  std::optional<WalStretch> nearest;
  for (const WalStretch& stretch : stretches) {
    if (!history.includes(stretch.timeline)) continue;
    const auto left = history.left_at(stretch.timeline);
    // What a timeline has behind the switch belongs to another history.
    if ((left ? std::min(stretch.last, *left) : stretch.last) <= end) continue;
    if (!nearest || stretch.first < nearest->first) nearest = stretch;
  }
  return nearest;
}

Result<> check_no_gap(const RestoreTarget& target, Lsn wal_end, const std::optional<WalStretch>& behind) {
  if (target.target.kind != TargetKind::latest || target.planned_through != Lsn() || !behind) return {};
  return fail(Code::not_restorable,
              fmt::format("the log in the store has a gap: nothing at {}, and it goes on at {} of timeline {}", wal_end,
                          std::max(behind->first, wal_end), behind->timeline),
              fmt::format("--to-lsn {} restores what lies before it", wal_end));
}

Result<> check_reachable(const RestoreTarget& target, const BackupRecord& record, Lsn wal_end) {
  if (wal_end < record.stop_lsn) {
    return fail(Code::not_restorable,
                fmt::format("the log reaches {} and the backup needs {} to be consistent", wal_end, record.stop_lsn),
                "choose another backup");
  }
  const RecoveryTarget& wanted = target.target;
  if (wanted.kind == TargetKind::lsn && wanted.lsn < record.stop_lsn) {
    return fail(Code::not_restorable,
                fmt::format("{} lies before the backup's end; the first position it can reach is {}", wanted.lsn,
                            record.stop_lsn),
                "choose an earlier backup");
  }
  if (wanted.kind == TargetKind::lsn && wanted.lsn > wal_end) {
    return fail(Code::not_restorable,
                fmt::format("the log ends at {}, before {}; that is the last position", wal_end, wanted.lsn));
  }
  if (wanted.kind == TargetKind::time && wanted.time < record.finished_at) {
    return fail(
        Code::not_restorable,
        fmt::format("{} lies before the backup's end at {}", to_rfc3339(wanted.time), to_rfc3339(record.finished_at)),
        "choose an earlier backup");
  }
  if (wanted.kind == TargetKind::latest && wal_end < target.planned_through) {
    return fail(
        Code::not_restorable,
        fmt::format("the log in the stores ends at {}; the catalog knows of log up to {}", wal_end,
                    target.planned_through),
        fmt::format("holdfast backup verify names what is missing; --to-lsn {} restores what is there", wal_end));
  }
  return {};
}

Result<> check_time_is_told(Timestamp wanted, const RestorePlan& plan) {
  if (!plan.times || wanted <= plan.times->recoverable_through) return {};
  const Timestamp told = plan.times->recoverable_through;
  return fail(Code::not_restorable,
              fmt::format("{} lies after the last moment the stored log tells of, {} (at {})", to_rfc3339(wanted),
                          to_rfc3339(told), plan.wal_end),
              fmt::format("restore to {}, or to the latest there is", to_rfc3339(told)));
}

Result<> check_log_opens(const RestorePlan& plan, const PostgresRestoreRun& run) {
  // Keys follow each other in the log: the last object tells.
  const Lsn last(plan.wal_end.value() - 1);
  const auto segment = run.wal.segment(plan.history.timeline_of(last), last, plan.segment_size.bytes(),
                                       [](ByteView) { return Result<>(); });
  // What else may be wrong with it need not concern this target.
  if (segment || segment.error().code != Code::denied) return {};
  Error error = segment.error();
  if (error.hint.empty()) error.hint = "run the restore again: a new plan has the newest data keys";
  return std::unexpected(std::move(error));
}

Result<RestorePlan> check_restore(const RestoreTarget& target, const PostgresRestoreRun& run) {
  const BackupRecord& record = run.record;
  if (record.engine != Engine::postgres) return fail(Code::invalid, "the backup is not one of PostgreSQL");
  RestorePlan plan;
  plan.major_version = major_of(record.engine_version);
  plan.segment_size = TRY(WalSegmentSize::of(record.wal_segment_size));
  plan.programs = TRY(find_server_programs(plan.major_version));
  plan.target_exists = TRY(check_directory(target, record));
  plan.server = running_postmaster(target.directory);
  plan.tablespaces = places_of_tablespaces(run.reader.manifest(), target);
  if (target.method == RestoreMethod::delta && plan.target_exists) {
    plan.files = TRY(check_delta(target, plan.tablespaces, run));
    const RestorePlaces places(run.reader.manifest(), target.directory, plan.tablespaces);
    TRY(check_room(target.directory, missing_bytes(run.reader.manifest(), places)));
  } else {
    TRY(check_room(target.directory, content_bytes(run.reader.manifest())));
  }
  plan.history = TRY(history_of(target, run));
  if (!plan.history.includes(record.timeline)) {
    return fail(Code::not_restorable, fmt::format("timeline {} does not come from the backup's timeline {}",
                                                  plan.history.timeline().value(), record.timeline.value()));
  }
  std::vector<WalStretch> stretches = TRY(run.stretches(plan.history.timeline()));
  for (const auto& change : plan.history.switches()) {
    const auto older = TRY(run.stretches(change.parent));
    stretches.insert(stretches.end(), older.begin(), older.end());
  }
  // Recovery reads whole segments from the one the backup began in.
  const Lsn from = start_of(segment_at(record.timeline, record.start_lsn, plan.segment_size), plan.segment_size);
  plan.wal_end = end_of_log(plan.history, from, stretches);
  TRY(check_reachable(target, record, plan.wal_end));
  TRY(check_no_gap(target, plan.wal_end, log_behind(plan.history, plan.wal_end, stretches)));
  // What the catalog knows of times, it knows of the log that was stored when an agent told it. When that is not all
  // there, or nobody asked the catalog, only the objects themselves can answer for a time.
  const bool as_planned = target.planned_through != Lsn() && plan.wal_end >= target.planned_through;
  if (target.target.kind == TargetKind::time && !as_planned) {
    const Timeline last = plan.history.timeline_of(Lsn(plan.wal_end.value() - 1));
    plan.times = TRY(run.times(last, plan.wal_end));
    plan.times->recoverable_through = std::max(plan.times->recoverable_through, record.finished_at);
    if (target.target.time > plan.times->received_through) TRY(check_time_is_told(target.target.time, plan));
  }
  TRY(check_log_opens(plan, run));
  return plan;
}

}  // namespace holdfast
