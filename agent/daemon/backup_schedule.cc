#include "agent/daemon/backup_schedule.h"

#include <algorithm>
#include <limits>
#include <ranges>

namespace holdfast {

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
    if (const auto began = state_.last_run(database.database)) history.last_began = *began;
    log_lost(database.database);
  }
  history.last_complete = std::max(history.last_complete, database.last_backup_at);
  // A clock that was set back must not stop backups until the old time comes again.
  history.last_began = std::min(history.last_began, now);
  history.last_complete = std::min(history.last_complete, now);
  history.last_failed = std::min(history.last_failed, now);
  history.log_lost_at = std::min(history.log_lost_at, now);
  return history;
}

std::vector<BackupSchedule::DueNow> BackupSchedule::due(const Assignment& assignment, Timestamp now) {
  std::vector<DueNow> out;
  for (const auto& database : assignment.databases) {
    const auto next = next_due(database, history(database, now));
    if (!next) {
      auto& complained = complained_[database.database];
      if (complained != next.error().message)
        log_.error("no backup can be scheduled", next.error(), {{"database", database.name}});
      complained = next.error().message;
      continue;
    }
    if (*next && (*next)->at <= now) out.push_back({&database, (*next)->reason});
  }
  return out;
}

Result<> BackupSchedule::began(DatabaseId database, Timestamp now) {
  histories_[database].last_began = now;
  return state_.save_last_run(database, now);
}

void BackupSchedule::ended(const JobReport& report) {
  if (report.job.kind != JobKind::backup) return;
  RunHistory& history = histories_[report.job.database];
  if (report.job.state == JobState::complete) {
    history.failures = 0;
    history.last_complete = std::max(history.last_complete, report.job.finished_at);
    make_good(report);
  } else {  // a cancelled one too: it must not begin again in the same second
    ++history.failures;
    history.last_failed = report.job.finished_at;
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
