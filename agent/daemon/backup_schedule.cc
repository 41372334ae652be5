#include "agent/daemon/backup_schedule.h"

#include <algorithm>
#include <limits>
#include <ranges>

namespace holdfast {

namespace {
constexpr std::chrono::minutes look_again_after{1};  // where nothing is due, or its policy cannot be read

void forget_failures(RunHistory& history) {
  history.failures = 0;
  history.failed_type = BackupType::incremental;
}
}  // namespace

Result<> BackupSchedule::remember() {
  const auto reports = TRY(state_.newest_reports(std::numeric_limits<std::uint32_t>::max()));
  for (const auto& report : std::views::reverse(reports)) ended(report);
  for (auto& [database, history] : histories_) history.failures = std::min(history.failures, 1U);
  return {};
}

RunHistory& BackupSchedule::history(const Assigned& database, Timestamp now) {
  RunHistory& history = histories_[database.database];
  if (history.known_since.is_never()) {
    history.known_since = now;
    if (const auto run = state_.last_run(database.database)) history.last_began = run->began;
    log_lost(database.database);
  }
  history.last_complete = std::max(history.last_complete, database.last_backup_at);
  if (database.last_backup_at > own_complete_[database.database]) history.last_elsewhere = database.last_backup_at;
  // What we had failed at, another node has done since.
  if (history.last_elsewhere > history.last_failed) forget_failures(history);
  // A clock that was set back must not stop backups until the old time comes again.
  history.last_began = std::min(history.last_began, now);
  history.last_complete = std::min(history.last_complete, now);
  history.last_elsewhere = std::min(history.last_elsewhere, now);
  history.last_failed = std::min(history.last_failed, now);
  history.log_lost_at = std::min(history.log_lost_at, now);
  return history;
}

std::vector<BackupSchedule::DueNow> BackupSchedule::due(const Assignment& assignment, Timestamp now) {
  std::vector<DueNow> out;
  for (const auto& database : assignment.databases) {
    const RunHistory& known = history(database, now);
    Planned& planned = planned_[database.database];
    if (planned.revision == assignment.revision && planned.history == known && planned.until > now) continue;
    const auto next = next_due(database, known, now);
    // Until it is due nothing changes by itself.
    planned = {assignment.revision, known, next && *next ? (*next)->at : now + look_again_after};
    if (!next) {
      auto& complained = complained_[database.database];
      if (complained != next.error().message)
        log_.error("no backup can be scheduled", next.error(), {{"database", database.name}});
      complained = next.error().message;
      continue;
    }
    if (*next && (*next)->at <= now) out.push_back({&database, (*next)->reason, (*next)->type});
  }
  return out;
}

Result<> BackupSchedule::began(DatabaseId database, BackupType type, Timestamp now) {
  histories_[database].last_began = now;
  return state_.save_last_run(database, {now, type});
}

// One that was cut off early does not say what it was to be.
BackupType BackupSchedule::type_of(const JobReport& report) {
  if (report.backup) return report.backup->type;
  const auto run = state_.last_run(report.job.database);
  return run ? run->type : BackupType::full;
}

void BackupSchedule::ended(const JobReport& report) {
  if (report.job.kind != JobKind::backup) return;
  RunHistory& history = histories_[report.job.database];
  const BackupType type = type_of(report);
  if (report.job.state == JobState::complete) {
    // A full backup that failed is owed although an incremental one was made meanwhile.
    if (history.failures == 0 || !outweighs(history.failed_type, type)) {
      forget_failures(history);
    }
    history.last_complete = std::max(history.last_complete, report.job.finished_at);
    Timestamp& own = own_complete_[report.job.database];
    own = std::max(own, report.job.finished_at);
    if (report.backup) own = std::max(own, report.backup->finished_at);
    make_good(report);
  } else {  // a cancelled one too: it must not begin again in the same second
    ++history.failures;
    history.last_failed = report.job.finished_at;
    if (outweighs(type, history.failed_type)) history.failed_type = type;
  }
}

void BackupSchedule::log_lost(DatabaseId database) {
  const auto loss = state_.wal_loss(database);
  if (!loss) {
    log_.error("whether log was lost cannot be read", loss.error(), {{"database", database}});
    return;
  }
  histories_[database].log_lost_at = *loss ? (*loss)->seen_at : Timestamp();
}

// A backup that began behind the loss. By its position; or by its time, since a server that went back to an earlier
// timeline may never again write at the position where the loss ended.
void BackupSchedule::make_good(const JobReport& report) {
  const DatabaseId database = report.job.database;
  const auto loss = state_.wal_loss(database);
  if (!loss || !*loss || !report.backup) return;
  if (report.backup->start_lsn < (*loss)->end && report.backup->started_at < (*loss)->seen_at) return;
  if (auto forgotten = state_.forget_wal_loss(database); !forgotten) {
    log_.error("a loss of log that was made good cannot be forgotten", forgotten.error(), {{"database", database}});
    return;
  }
  histories_[database].log_lost_at = {};
}

}  // namespace holdfast
