#include "agent/duty/run_ledger.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/crypto/keys.h"
#include "shared/fleet/backup_runs.h"

namespace holdfast {
namespace {

constexpr std::size_t runs_counted = 5000;
// Of what lies further back than that, and is not counted any more.
constexpr std::chrono::hours looked_at_anyway{24};
constexpr std::string_view overtaken = "a newer run came due before it began";
constexpr std::string_view uncounted = "; further ones were not counted";

void miss(RunLedger& ledger, Timestamp at, const std::string& cause, std::vector<MissedRuns>& told_alone) {
  if (ledger.missed.count > 0 && ledger.missed.cause != cause) {
    told_alone.push_back(std::move(ledger.missed));
    ledger.missed = {};
  }
  if (ledger.missed.count == 0) ledger.missed = {0, at, cause};
  ++ledger.missed.count;
}

void come_due(RunLedger& ledger, const BackupRun& run, const std::string& away, std::vector<MissedRuns>& told_alone) {
  ledger.through = run.at;
  if (ledger.owed_at.is_never()) {
    ledger.owed_type = run.type;
  } else {
    miss(ledger, ledger.owed_at, ledger.held_by.empty() ? std::string(overtaken) : ledger.held_by, told_alone);
    if (outweighs(run.type, ledger.owed_type)) ledger.owed_type = run.type;
  }
  ledger.owed_at = run.at;
  ledger.held_by = away;
}

void go_back_with_the_clock(RunLedger& ledger, Timestamp now) {
  if (ledger.through - now <= set_back_allowed) return;
  ledger.through = now;
  ledger.since = std::min(ledger.since, now);
  if (ledger.owed_at > now) ledger.owed_at = {};
}

}  // namespace

Policy schedule_of(const Policy& policy) {
  Policy schedule;
  schedule.full = policy.full;
  schedule.incremental = policy.incremental;
  schedule.differential = policy.differential;
  schedule.timezone = policy.timezone;
  schedule.window = policy.window;
  schedule.splay = policy.splay;
  return schedule;
}

RunLedger new_ledger(const Policy& policy, Timestamp from) {
  RunLedger ledger;
  ledger.schedule = schedule_of(policy);
  ledger.since = ledger.through = from;
  return ledger;
}

Result<Advance> advance(RunLedger& ledger, DatabaseId database, Timestamp now, const std::string& away) {
  Advance out;
  RunLedger known = ledger;
  go_back_with_the_clock(known, now);
  std::size_t counted = 0;
  bool passed_over = false;
  for (;;) {
    const auto next = TRY(next_backup_run(known.schedule, database, known.through));
    if (!next || next->at > now) {
      if (next) out.upcoming = next->at;
      break;
    }
    if (++counted == runs_counted && now - next->at > looked_at_anyway) {
      known.through = now - looked_at_anyway;
      passed_over = true;
      continue;
    }
    come_due(known, *next, away, out.told_alone);
  }
  if (passed_over) known.missed.cause += uncounted;
  out.changed = known != ledger;
  ledger = std::move(known);
  return out;
}

bool hold(RunLedger& ledger, const std::string& cause) {
  if (ledger.owed_at.is_never() || ledger.held_by == cause) return false;
  ledger.held_by = cause;
  return true;
}

TakenRun take(RunLedger& ledger) {
  const TakenRun taken{ledger.owed_at, ledger.missed};
  ledger.owed_at = {};
  ledger.owed_type = BackupType::incremental;
  ledger.held_by.clear();
  ledger.missed = {};
  return taken;
}

std::vector<MissedRuns> close(RunLedger& ledger, const std::string& cause) {
  std::vector<MissedRuns> told;
  if (!ledger.owed_at.is_never()) miss(ledger, ledger.owed_at, cause, told);
  if (ledger.missed.count > 0) told.push_back(ledger.missed);
  (void)take(ledger);
  return told;
}

Job job_of_missed(NodeId node, DatabaseId database, const MissedRuns& missed, Timestamp now) {
  const std::string name = fmt::format("missed/{}/{}/{}/{}", node, database, missed.since.micros(), missed.cause);
  const Sha256 hash = sha256(as_bytes(name));
  Job job;
  job.id = JobId::from_bytes(ByteView(hash).first(16)).value();
  job.kind = JobKind::backup;
  job.state = JobState::cancelled;
  job.node = node;
  job.database = database;
  job.origin = "schedule";
  job.created_at = job.finished_at = now;
  job.code = Code::unavailable;
  job.error = fmt::format("{} missed: {}", missed.count == 1 ? "a run was" : fmt::format("{} runs were", missed.count),
                          missed.cause);
  job.missed = missed;
  return job;
}

bool tells_of_missed_only(const Job& job) {
  return job.kind == JobKind::backup && job.missed.count > 0 && job.due_at.is_never() && job.backup.is_null() &&
         job.state == JobState::cancelled && job.started_at.is_never();
}

}  // namespace holdfast
