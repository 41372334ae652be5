// The part of the schedule that accounts for every run: what came due, what holds it, what was missed.
#include <algorithm>

#include "agent/duty/run_book.h"

namespace holdfast {
namespace {

constexpr std::string_view away = "the agent did not run";
constexpr std::chrono::hours look_again_after{1};  // at a schedule that comes up with no run

}  // namespace

Timestamp RunBook::owed_at(DatabaseId database) const {
  const auto kept = kept_.find(database);
  return kept == kept_.end() ? Timestamp() : kept->second.ledger.owed_at;
}

void RunBook::tell(DatabaseId database, const std::vector<MissedRuns>& all) {
  for (const MissedRuns& missed : all) missed_.emplace_back(database, missed);
}

// The owed run; the schedule goes on.
void RunBook::give_up(DatabaseId database, const std::string& cause) {
  tell(database, close(kept_.at(database).ledger, cause));
  changed_.insert(database);
}

void RunBook::close_ledger(DatabaseId database, const std::string& cause, Timestamp now) {
  const auto kept = kept_.find(database);
  if (kept == kept_.end()) return;
  bring_up_to(database, now);
  tell(database, close(kept->second.ledger, cause));
  kept_.erase(kept);
  closed_.insert(database);
}

void RunBook::bring_up_to(DatabaseId database, Timestamp now) {
  Kept& kept = kept_.at(database);
  if (kept.looked && !kept.upcoming.is_never() && now < kept.upcoming) return;
  const auto advanced = advance(kept.ledger, database, now, kept.looked ? std::string() : std::string(away));
  kept.looked = true;
  kept.upcoming = now + look_again_after;
  if (!advanced) return;  // what is due says so
  if (advanced->upcoming) kept.upcoming = *advanced->upcoming;
  tell(database, advanced->told_alone);
  if (!advanced->changed) return;
  planned_.erase(database);
  changed_.insert(database);
}

// Of an agent that kept no ledger yet, what it owed before stays owed.
void RunBook::open_ledger(const Assigned& database, Timestamp now) {
  const RunHistory& known = history(database, now);
  const bool at_start = !ledgers_of_;
  const bool ran_before = at_start && !known.last_began.is_never();
  Kept fresh;
  fresh.ledger = new_ledger(database.policy, ran_before ? settled_through(known) : now);
  fresh.looked = !ran_before;
  kept_.emplace(database.database, std::move(fresh));
  closed_.erase(database.database);
  changed_.insert(database.database);
}

void RunBook::keep_ledger(const Assigned& database, Timestamp now) {
  const DatabaseId id = database.database;
  if (!database.protect || !takes_backups(database)) {
    close_ledger(
        id, database.protect ? "the backups of its group moved to another node" : "it was not protected any more", now);
    return;
  }
  const auto kept = kept_.find(id);
  if (kept == kept_.end()) return open_ledger(database, now);
  if (kept->second.ledger.schedule == schedule_of(database.policy)) return;
  bring_up_to(id, now);
  tell(id, close(kept->second.ledger, "its policy was replaced"));
  // A clock that was just set back a little must not let what has begun come due again under another name.
  kept->second.ledger = new_ledger(database.policy, std::max(now, kept->second.ledger.through));
  kept->second.upcoming = {};
  changed_.insert(id);
}

void RunBook::keep_ledgers(const Assignment& assignment, Timestamp now) {
  if (assignment.revision == ledgers_of_) return;
  std::set<DatabaseId> here;
  for (const Assigned& database : assignment.databases) here.insert(database.database);
  std::vector<DatabaseId> gone;
  for (const auto& [id, kept] : kept_) {
    if (!here.contains(id)) gone.push_back(id);
  }
  for (const DatabaseId id : gone) close_ledger(id, "it was not this node's to back up any more", now);
  for (const Assigned& database : assignment.databases) keep_ledger(database, now);
  ledgers_of_ = assignment.revision;
}

void RunBook::hold(DatabaseId database, const std::string& cause) {
  const auto kept = kept_.find(database);
  if (kept != kept_.end() && holdfast::hold(kept->second.ledger, cause)) changed_.insert(database);
}

TakenRun RunBook::run_of(const DueNow& due) const {
  const DatabaseId id = due.database->database;
  TakenRun run;
  if (const auto kept = kept_.find(id); kept != kept_.end()) {
    RunLedger ledger = kept->second.ledger;
    run = take(ledger);
  }
  const auto tried = tried_.find(id);
  if (run.due_at.is_never() && due.reason == DueReason::retry && tried != tried_.end()) run.due_at = tried->second;
  return run;
}

void RunBook::taken(DatabaseId database) {
  const auto kept = kept_.find(database);
  if (kept == kept_.end() || kept->second.ledger.owed_at.is_never()) return;
  (void)take(kept->second.ledger);
  changed_.insert(database);
}

}  // namespace holdfast
