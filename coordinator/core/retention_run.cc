#include "coordinator/core/retention_run.h"

#include <fmt/format.h>

#include "coordinator/core/assignment.h"
#include "coordinator/core/clock_doubt.h"
#include "coordinator/core/removal.h"
#include "coordinator/core/wal_removal.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours run_every{1};
constexpr std::chrono::minutes look_again_after{1};  // while our clock is in doubt

std::vector<const Backup*> backups_of(const CoreState& state, DatabaseId database) {
  std::vector<const Backup*> backups;
  const auto found = state.backups.find(database);
  if (found == state.backups.end()) return backups;
  backups.reserve(found->second.size());
  for (const auto& [id, backup] : found->second) backups.push_back(&backup);
  return backups;
}

// What an agent may begin its next incremental or differential backup from: its own newest backup and its own newest
// full one. It may be at it now, and what it takes over must not go meanwhile.
std::set<BackupId> possible_parents(const Database& database, const std::vector<const Backup*>& backups) {
  std::set<BackupId> parents;
  for (const Member& member : database.members) {
    const Backup* newest = nullptr;
    const Backup* newest_full = nullptr;
    for (const Backup* backup : backups) {
      if (backup->state != BackupState::complete || backup->node != member.node) continue;
      if (newest == nullptr || backup->finished_at > newest->finished_at) newest = backup;
      if (backup->type != BackupType::full) continue;
      if (newest_full == nullptr || backup->finished_at > newest_full->finished_at) newest_full = backup;
    }
    if (newest != nullptr) parents.insert(newest->id);
    if (newest_full != nullptr) parents.insert(newest_full->id);
  }
  return parents;
}

RetentionInput input_for(const CoreState& state, const Database& database, Timestamp now) {
  RetentionInput input;
  input.database = database.id;
  input.database_name = database.name;
  input.backups = backups_of(state, database.id);
  if (const Policy* policy = policy_of(state, database)) input.policy = *policy;
  if (database.engine == Engine::postgres) input.parents = possible_parents(database, input.backups);
  input.now = now;
  return input;
}

// With everybody who shares a budget with one of them.
std::vector<DatabaseId> with_sharers(const CoreState& state, const std::vector<DatabaseId>& databases) {
  std::set<std::string> shared;
  for (const DatabaseId id : databases) {
    const Policy* policy = policy_of(state, state.databases.at(id));
    if (policy != nullptr && policy->total_bytes > 0) shared.insert(policy->name);
  }
  if (shared.empty()) return databases;
  std::vector<DatabaseId> all = databases;
  const std::set<DatabaseId> asked(databases.begin(), databases.end());
  for (const auto& [id, database] : state.databases) {
    const Policy* policy = policy_of(state, database);
    if (policy != nullptr && shared.contains(policy->name) && !asked.contains(id)) all.push_back(id);
  }
  return all;
}

// To remove: which go. To show: all of them, with why and what each frees.
enum class Purpose : std::uint8_t { to_remove, to_show };

// Decisions about these databases, judged together with those that share a budget with them.
RetentionOutcome decide_for(CoreState& state, const std::vector<DatabaseId>& databases, Timestamp now,
                            Purpose purpose) {
  const auto needed = needed_by_restores(state);
  std::vector<RetentionInput> inputs;
  for (const DatabaseId id : with_sharers(state, databases)) {
    inputs.push_back(input_for(state, state.databases.at(id), now));
    RetentionInput& input = inputs.back();
    input.needed = needed;
    const bool budget = input.policy && (input.policy->max_bytes > 0 || input.policy->total_bytes > 0);
    if (purpose == Purpose::to_remove && !budget) continue;
    // What cannot be read stands alone; that it cannot be read is said when something is to be removed.
    (void)read_objects(state, id);
    input.objects = &state.objects[id];
  }
  RetentionOutcome outcome =
      decide_retention(inputs, purpose == Purpose::to_remove ? DecisionsWanted::released : DecisionsWanted::all);
  const std::set<DatabaseId> asked(databases.begin(), databases.end());
  std::erase_if(outcome.decisions, [&](const auto& decision) { return !asked.contains(decision.database); });
  return outcome;
}

}  // namespace

RetentionOutcome preview_retention(CoreState& state, const std::vector<DatabaseId>& databases, Timestamp now) {
  return decide_for(state, databases, now, Purpose::to_show);
}

std::vector<std::string> run_retention(Turn& turn, const std::vector<DatabaseId>& databases, const std::string& who) {
  CoreState& state = turn.state;
  std::vector<std::string> lines;
  const RetentionOutcome outcome = decide_for(state, databases, turn.now, Purpose::to_remove);
  std::vector<BackupId> released;
  for (const auto& decision : outcome.decisions) {
    release(turn, Backup(*state.backup(decision.backup)), who, decision.reasons.front());
    released.push_back(decision.backup);
    lines.push_back(fmt::format("database {}: backup {} of {} released", decision.database_name, decision.backup,
                                to_rfc3339(decision.finished_at)));
  }
  ask_removals(turn, released);
  for (const DatabaseId id : databases) {
    const Database database = state.databases.at(id);
    if (policy_of(state, database) == nullptr) continue;
    if (auto line = release_wal(turn, database)) {
      turn.audit(who, *line);
      lines.push_back(*std::move(line));
    }
  }
  for (const std::string& sentence : outcome.unmet) {
    turn.alert_once(sentence);
    lines.push_back(sentence);
  }
  return lines;
}

void watch_retention(Turn& turn) {
  CoreState& state = turn.state;
  if (state.retention_at.is_never()) {
    state.retention_at = state.loaded_at + run_every;
    for (const auto& [id, backups] : state.backups) {
      for (const auto& [backup_id, backup] : backups) {
        if (backup.state == BackupState::released) state.removals.try_emplace(backup_id, Timestamp{});
      }
    }
  }
  watch_removals(turn);
  // The clock may have been set back since.
  state.retention_at = std::min(state.retention_at, turn.now + run_every);
  if (turn.now < state.retention_at) return;
  if (const auto doubt = doubt_clock(state, turn.now)) {
    if (doubt->cause == ClockDoubt::Cause::nodes_disagree) {
      turn.alert_once(fmt::format("retention removes nothing: {}", doubt->sentence));
    }
    state.retention_at = turn.now + look_again_after;
    return;
  }
  state.retention_at = turn.now + run_every;
  std::vector<DatabaseId> all;
  for (const auto& [id, database] : state.databases) all.push_back(id);
  run_retention(turn, all, "retention");
}

}  // namespace holdfast
