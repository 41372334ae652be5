#include "agent/daemon/backup_schedule.h"

#include <limits>
#include <ranges>

namespace holdfast {

Result<> BackupSchedule::remember() {
  for (auto& [database, ledger] : TRY(state_.run_ledgers())) book_.remember(database, std::move(ledger));
  const auto reports = TRY(state_.newest_reports(std::numeric_limits<std::uint32_t>::max()));
  for (const auto& report : std::views::reverse(reports)) {
    book_.journalled(report.job);
    ended(report);
  }
  book_.forget_how_often();
  store({});
  return {};
}

std::vector<DueNow> BackupSchedule::due(const Assignment& assignment, Timestamp now) {
  for (const Assigned& database : assignment.databases) {
    if (!known_.insert(database.database).second) continue;
    const auto run = state_.last_run(database.database);
    book_.know(database.database, run ? run->began : Timestamp(), now);
    log_lost(database.database);
  }
  auto out = book_.due(assignment, now);
  store(now);
  return out;
}

void BackupSchedule::store(Timestamp now) {
  RunBook::News news = book_.take_news();
  for (const auto& [database, error] : news.unreadable) {
    log_.error("no backup can be scheduled", error, {{"database", database->name}});
  }
  for (const auto& [database, missed] : news.missed) {
    JobReport report;
    report.job = job_of_missed(node_, database, missed, now);
    log_.warning(
        "runs of the schedule were missed",
        {{"database", database}, {"runs", missed.count}, {"since", to_rfc3339(missed.since)}, {"cause", missed.cause}});
    news_ = true;
    if (const auto saved = state_.save_report(std::move(report)); !saved) {
      log_.error("missed runs could not be noted", saved.error(), {{"database", database}});
    }
  }
  for (const auto& [database, ledger] : news.ledgers) {
    if (const auto saved = state_.save_run_ledger(database, ledger); !saved) {
      log_.error("what is owed of the schedule could not be noted", saved.error(), {{"database", database}});
    }
  }
  for (const DatabaseId database : news.closed) {
    if (const auto forgotten = state_.forget_run_ledger(database); !forgotten) {
      log_.error("what was owed of the schedule could not be forgotten", forgotten.error(), {{"database", database}});
    }
  }
}

void BackupSchedule::hold(DatabaseId database, const std::string& cause) {
  book_.hold(database, cause);
  store({});
}

Result<> BackupSchedule::began(DatabaseId database, BackupType type, Timestamp now) {
  book_.began(database, now);
  return state_.save_last_run(database, {now, type});
}

void BackupSchedule::taken(DatabaseId database) {
  book_.taken(database);
  store({});
}

// One that was cut off early does not say what it was to be.
BackupType BackupSchedule::type_of(const JobReport& report) {
  if (report.backup) return report.backup->type;
  const auto run = state_.last_run(report.job.database);
  return run ? run->type : BackupType::full;
}

void BackupSchedule::ended(const JobReport& report) {
  if (report.job.kind != JobKind::backup || tells_of_missed_only(report.job)) return;
  book_.ended(report.job, type_of(report), report.backup ? report.backup->finished_at : Timestamp());
  if (report.job.state == JobState::complete) make_good(report);
}

void BackupSchedule::log_lost(DatabaseId database) {
  const auto loss = state_.wal_loss(database);
  if (loss) return book_.log_lost(database, *loss ? (*loss)->seen_at : Timestamp());
  log_.error("whether log was lost cannot be read", loss.error(), {{"database", database}});
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
  book_.log_lost(database, {});
}

}  // namespace holdfast
