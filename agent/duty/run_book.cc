#include "agent/duty/run_book.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace holdfast {
namespace {

constexpr std::chrono::minutes look_again_after{1};  // where nothing is due, or its policy cannot be read

void forget_failures(RunHistory& history) {
  history.failures = 0;
  history.failed_type = BackupType::incremental;
}

void failed(RunHistory& history, BackupType type, Timestamp at) {
  ++history.failures;
  history.last_failed = at;
  if (outweighs(type, history.failed_type)) history.failed_type = type;
}

}  // namespace

void RunBook::remember(DatabaseId database, RunLedger ledger) {
  kept_[database].ledger = std::move(ledger);
}

void RunBook::know(DatabaseId database, Timestamp last_began, Timestamp now) {
  RunHistory& history = histories_[database];
  history.known_since = now;
  history.last_began = last_began;
}

void RunBook::journalled(const Job& job) {
  if (!job.due_at.is_never() && job.due_at == owed_at(job.database)) taken(job.database);
}

void RunBook::forget_how_often() {
  for (auto& [database, history] : histories_) history.failures = std::min(history.failures, 1U);
}

RunHistory& RunBook::history(const Assigned& database, Timestamp now) {
  RunHistory& history = histories_[database.database];
  if (history.known_since.is_never()) history.known_since = now;
  history.last_complete = std::max(history.last_complete, database.last_backup_at);
  if (database.last_backup_at > own_complete_[database.database]) history.last_elsewhere = database.last_backup_at;
  // What we had failed at, another node has done since.
  if (history.last_elsewhere > history.last_failed) forget_failures(history);
  if (const auto kept = kept_.find(database.database); kept != kept_.end()) {
    history.schedule_since = kept->second.ledger.since;
    if (history.last_began.is_never()) history.last_began = kept->second.ledger.since;  // none is owed from before
    // It was to begin, and the agent died before there was a job of it.
    const Timestamp owed = kept->second.ledger.owed_at;
    if (!owed.is_never() && history.last_began >= owed) history.last_began = owed - Micros(1);
  }
  // A clock that was set back must not stop backups until the old time comes again; but what it was set back by a
  // little is not run again.
  if (history.last_began - now > set_back_allowed) history.last_began = now;
  history.last_complete = std::min(history.last_complete, now);
  history.last_elsewhere = std::min(history.last_elsewhere, now);
  history.last_failed = std::min(history.last_failed, now);
  history.log_lost_at = std::min(history.log_lost_at, now);
  return history;
}

std::vector<DueNow> RunBook::due(const Assignment& assignment, Timestamp now) {
  keep_ledgers(assignment, now);
  std::vector<DueNow> out;
  for (const auto& database : assignment.databases) {
    if (const auto due = due_of(database, assignment.revision, now)) out.push_back(*due);
  }
  std::ranges::stable_sort(out, {}, &DueNow::since);
  return out;
}

std::optional<DueNow> RunBook::due_of(const Assigned& database, std::uint64_t revision, Timestamp now) {
  const DatabaseId id = database.database;
  if (kept_.contains(id)) bring_up_to(id, now);
  const RunHistory& known = history(database, now);
  Planned& planned = planned_[id];
  if (planned.revision == revision && planned.history == known && planned.until > now) return std::nullopt;
  const auto next = next_due(database, known, now);
  // Until it is due nothing changes by itself.
  planned = {revision, known, next && *next ? (*next)->at : now + look_again_after};
  if (!next) {
    std::string& complained = complained_[id];
    if (std::exchange(complained, next.error().message) != next.error().message) {
      unreadable_.emplace_back(&database, next.error());
    }
    return std::nullopt;
  }
  note_wait(database, known, *next, now);
  if (!*next || (*next)->at > now) return std::nullopt;
  DueNow run{&database, (*next)->reason, (*next)->type, (*next)->at};
  const auto kept = kept_.find(id);
  const bool owes = kept != kept_.end() && !kept->second.ledger.owed_at.is_never();
  if (owes && outweighs(kept->second.ledger.owed_type, run.type)) run.type = kept->second.ledger.owed_type;
  return run;
}

// What is owed and not due just now waits by a rule, which is what it is missed by should a newer run come first.
void RunBook::note_wait(const Assigned& database, const RunHistory& history, const std::optional<Due>& next,
                        Timestamp now) {
  const Timestamp owed = owed_at(database.database);
  if (owed.is_never() || (next && next->at <= now)) return;
  if (history.failures > 0) return hold(database.database, "a try before it had failed, and the next one waited");
  if (history.last_elsewhere >= owed) return give_up(database.database, "another node of its group made a backup");
  const std::string& before = kept_.at(database.database).ledger.held_by;
  constexpr std::string_view closed = "the window closed before it began";
  if (before.starts_with(closed)) return;
  hold(database.database, before.empty() ? std::string(closed) : fmt::format("{}: {}", closed, before));
}

void RunBook::not_taken(DatabaseId database, Timestamp now) {
  failed(histories_[database], BackupType::incremental, now);
}

void RunBook::ended(const Job& job, BackupType type, Timestamp backup_at) {
  RunHistory& history = histories_[job.database];
  if (job.state == JobState::complete) {
    // A full backup that failed is owed although an incremental one was made meanwhile.
    if (history.failures == 0 || !outweighs(history.failed_type, type)) forget_failures(history);
    history.last_complete = std::max(history.last_complete, job.finished_at);
    Timestamp& own = own_complete_[job.database];
    own = std::max({own, job.finished_at, backup_at});
    return;
  }
  // A cancelled one too: it must not begin again in the same second.
  if (history.failures == 0) tried_.erase(job.database);
  if (!job.due_at.is_never()) tried_[job.database] = job.due_at;
  failed(history, type, job.finished_at);
}

RunBook::News RunBook::take_news() {
  News news;
  news.missed = std::exchange(missed_, {});
  news.closed = std::exchange(closed_, {});
  news.unreadable = std::exchange(unreadable_, {});
  for (const DatabaseId id : std::exchange(changed_, {})) {
    if (const auto kept = kept_.find(id); kept != kept_.end()) news.ledgers.emplace(id, kept->second.ledger);
  }
  return news;
}

}  // namespace holdfast
