#include "coordinator/core/lateness.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/sessions.h"
#include "shared/fleet/backup_runs.h"

namespace holdfast {
namespace {

std::string in_seconds(Micros duration) {
  return to_text(std::chrono::floor<std::chrono::seconds>(duration));
}

bool backup_runs(const CoreState& state, DatabaseId database) {
  return std::ranges::any_of(state.open_jobs, [&](JobId id) {
    const Job& job = state.jobs.at(id).job;
    return job.kind == JobKind::backup && job.database == database && job.state == JobState::running;
  });
}

}  // namespace

std::string lateness(const Policy& policy, DatabaseId database, const KeepsUp& known, Timestamp now) {
  if (known.recoverable_through.is_never()) {
    if (known.backup == KeepsUp::Backup::runs || now - known.protected_since <= Micros(backup_grace)) return {};
    return fmt::format("nothing of it can be restored, {} after it came under protection",
                       in_seconds(now - known.protected_since));
  }
  const Micros behind = known.heard_at - known.recoverable_through;
  if (known.log == KeepsUp::Log::shipped && behind > policy.objective_rpo) {
    return fmt::format("what can be restored is {} behind, its objective is {}", in_seconds(behind),
                       to_text(policy.objective_rpo));
  }
  if (known.backup == KeepsUp::Backup::runs || known.last_backup.is_never()) return {};
  const auto owed = next_backup_run(policy, database, known.last_backup);
  if (!owed || !*owed || now - (*owed)->at <= Micros(backup_grace)) return {};
  return fmt::format("its backup of {} is overdue by {}", to_rfc3339((*owed)->at), in_seconds(now - (*owed)->at));
}

std::string lateness(const CoreState& state, const Database& database, const DatabaseView& view, Timestamp now) {
  const Policy* policy = policy_of(state, database);
  if (policy == nullptr || database.protection != Protection::protected_) return {};
  KeepsUp known;
  known.protected_since = database.created_at;
  known.recoverable_through = view.recoverable_through;
  if (view.last_backup) known.last_backup = view.last_backup->finished_at;
  known.log = database.engine == Engine::postgres ? KeepsUp::Log::shipped : KeepsUp::Log::none;
  known.backup = backup_runs(state, database.id) ? KeepsUp::Backup::runs : KeepsUp::Backup::rests;
  known.heard_at = now;
  const auto node = state.nodes.find(database.active);
  if (node != state.nodes.end() && state.is_online(node->first)) known.heard_at = last_seen(state, node->second);
  return lateness(*policy, database.id, known, now);
}

}  // namespace holdfast
