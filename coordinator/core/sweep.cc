#include "coordinator/core/sweep.h"

#include <fmt/format.h>

#include "coordinator/core/removal.h"
#include "coordinator/core/stores.h"
#include "coordinator/core/stray_rules.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours first_after{1};  // a restart every day must not keep it from ever happening

// One that was cancelled before any report of it came has no start: its node was only told to stop.
bool given_up(const Job& job) {
  return job.state == JobState::lost || (job.state == JobState::cancelled && job.started_at.is_never());
}

KnownBackup known_backup(const CoreState& state, const Backup& backup) {
  const auto row = state.jobs.find(backup.job);
  return {backup.state, backup.node, backup.finished_at, row != state.jobs.end() && given_up(row->second.job)};
}

// An agent that is killed soon after it began has told of the job and not of the backup yet.
std::map<BackupId, KnownBackup> known_by_their_jobs(const CoreState& state, DatabaseId database) {
  std::map<BackupId, KnownBackup> known;
  for (const auto& [id, row] : state.jobs) {
    const Job& job = row.job;
    if (job.kind != JobKind::backup || job.database != database || job.backup.is_null()) continue;
    const bool failed = is_final(job.state) && job.state != JobState::complete;
    known[job.backup] = {failed ? BackupState::failed : BackupState::running, job.node, job.finished_at, given_up(job)};
  }
  return known;
}

std::set<BackupId> open_backups(const CoreState& state) {
  std::set<BackupId> open;
  for (const JobId id : state.open_jobs) open.insert(state.jobs.at(id).job.backup);
  for (const auto& [id, entry] : state.orders) {
    if (const auto* order = std::get_if<BackupOrder>(&entry.order.body)) open.insert(order->backup);
  }
  return open;
}

bool backup_runs(const CoreState& state, DatabaseId database) {
  return std::ranges::any_of(state.open_jobs, [&](const JobId id) {
    const Job& job = state.jobs.at(id).job;
    return job.kind == JobKind::backup && job.database == database;
  });
}

std::map<NodeId, NodeContact> contacts(const CoreState& state) {
  std::map<NodeId, NodeContact> out;
  for (const auto& [id, node] : state.nodes) {
    NodeContact contact;
    contact.gone = node.state == NodeState::revoked;
    const auto session = state.sessions.find(id);
    if (session != state.sessions.end() && session->second.online) {
      contact.online_since = session->second.online_since;
      contact.idle = session->second.running_jobs == 0U;
    }
    out[id] = contact;
  }
  return out;
}

StrayInput input_for(const Turn& turn, const BackupsListed& listed) {
  const CoreState& state = turn.state;
  StrayInput input;
  input.database = listed.database;
  input.stores = listed.stores;
  input.needed = listed.needed;
  input.known = known_by_their_jobs(state, listed.database);
  if (const auto backups = state.backups.find(listed.database); backups != state.backups.end()) {
    for (const auto& [id, backup] : backups->second) input.known[id] = known_backup(state, backup);
  }
  input.open = open_backups(state);
  input.backup_runs = backup_runs(state, listed.database);
  input.nodes = contacts(state);
  if (const Database* database = state.database(listed.database)) {
    for (const Member& member : database->members) input.members.push_back(member.node);
  }
  if (const auto seen = state.strays.find(listed.database); seen != state.strays.end()) input.seen = seen->second;
  input.now = turn.now;
  input.grace = state.identity.sweep_grace;
  return input;
}

void store_sightings(Turn& turn, DatabaseId database, const std::map<BackupId, StraySighting>& seen) {
  const auto before = turn.state.strays[database];
  for (const auto& [id, sighting] : before) {
    if (!seen.contains(id)) turn.remove(sighting);
  }
  for (const auto& [id, sighting] : seen) {
    const auto known = before.find(id);
    if (known == before.end() || known->second != sighting) turn.put(sighting);
  }
}

std::string name_of(const CoreState& state, DatabaseId id) {
  const Database* database = state.database(id);
  return database == nullptr ? id.text() : database->name;
}

}  // namespace

void watch_sweeps(Turn& turn) {
  CoreState& state = turn.state;
  SweepState& sweep = state.sweep;
  if (sweep.next_at.is_never()) {
    sweep.next_at = state.loaded_at + std::min<Micros>(first_after, state.identity.sweep_every);
  }
  if (turn.now >= sweep.next_at && sweep.waiting.empty()) {
    sweep.next_at = turn.now + state.identity.sweep_every;
    for (const auto& [id, database] : state.databases) sweep.waiting.push_back(id);
  }
  if (sweep.listing || sweep.waiting.empty() || state.stores.empty()) return;
  sweep.listing = true;
  const DatabaseId next = sweep.waiting.front();
  sweep.waiting.pop_front();
  turn.effects.work.emplace_back(ListBackups{state.identity.fleet, state.identity.root, next, all_stores(state)});
}

void backups_listed(Turn& turn, const BackupsListed& listed) {
  CoreState& state = turn.state;
  state.sweep.listing = false;
  const auto leave = [&](const Error& error) {
    turn.alert_once(fmt::format("what failed backups of database \"{}\" left in the stores cannot be looked for: {}",
                                name_of(state, listed.database), error.message));
  };
  if (listed.error) return leave(*listed.error);
  note_store_use(turn, listed.database, listed.use);
  StrayInput input = input_for(turn, listed);
  auto kept = packs_needed_by_kept(state, listed.database);
  if (!kept) return leave(kept.error());
  input.needed.merge(*kept);
  // A store that was added or taken away meanwhile: what was listed is not all there is.
  if (input.stores.size() != state.stores.size()) return;
  StrayDecision decision = decide_strays(input);
  store_sightings(turn, listed.database, decision.seen);
  for (StrayBackup& stray : decision.remove) {
    turn.effects.work.emplace_back(
        RemoveStrays{listed.database, stray.backup, std::move(stray.why), all_stores(state), std::move(stray.stores)});
  }
}

void strays_removed(Turn& turn, const StraysRemoved& removed) {
  const std::string database = name_of(turn.state, removed.database);
  if (removed.objects > 0) {
    turn.audit("sweep", fmt::format("removed {} objects, {} bytes, of backup {} of database {}: {}", removed.objects,
                                    removed.bytes, removed.backup, database, removed.why));
  }
  if (removed.error) {
    turn.alert_once(fmt::format("what backup {} of database \"{}\" left in the stores was not removed: {}",
                                removed.backup, database, removed.error->message));
  }
}

}  // namespace holdfast
