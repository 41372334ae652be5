#include "coordinator/core/removal.h"

#include <fmt/format.h>

#include "coordinator/core/assignment.h"
#include "coordinator/core/retention.h"
#include "coordinator/core/wal_positions.h"
#include "coordinator/core/wal_ranges.h"
#include "shared/repository/layout.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours run_every{1};
constexpr std::chrono::minutes remove_again_after{10};

std::set<BackupId> needed_by_restores(const CoreState& state) {
  std::set<BackupId> needed;
  for (const auto& [id, restore] : state.restores) {
    if (restore.state != "planned" && restore.state != "running") continue;
    for (const auto& target : restore.targets) needed.insert(target.backup);
  }
  return needed;
}

std::vector<Backup> backups_of(const CoreState& state, DatabaseId database) {
  std::vector<Backup> backups;
  const auto found = state.backups.find(database);
  if (found == state.backups.end()) return backups;
  for (const auto& [id, backup] : found->second) backups.push_back(backup);
  return backups;
}

// What an agent may begin its next incremental or differential backup from: its own newest backup and its own newest
// full one. It may be at it now, and what it takes over must not go meanwhile.
std::set<BackupId> possible_parents(const Database& database, const std::vector<Backup>& backups) {
  std::set<BackupId> parents;
  for (const Member& member : database.members) {
    const Backup* newest = nullptr;
    const Backup* newest_full = nullptr;
    for (const Backup& backup : backups) {
      if (backup.state != BackupState::complete || backup.node != member.node) continue;
      if (newest == nullptr || backup.finished_at > newest->finished_at) newest = &backup;
      if (backup.type != BackupType::full) continue;
      if (newest_full == nullptr || backup.finished_at > newest_full->finished_at) newest_full = &backup;
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
  input.needed = needed_by_restores(state);
  if (database.engine == Engine::postgres) input.parents = possible_parents(database, input.backups);
  input.now = now;
  return input;
}

std::vector<StoreInfo> all_stores(const CoreState& state) {
  std::vector<StoreInfo> stores;
  for (const auto& [name, store] : state.stores) stores.push_back(store);
  return stores;
}

Result<BackupRecord> record_of(const CoreState& state, const Backup& backup) {
  const auto epochs = state.epochs.find(backup.database);
  if (epochs == state.epochs.end() || !epochs->second.contains(backup.epoch)) {
    return fail(Code::not_found, "its data key is not in the catalog");
  }
  const EpochInfo& info = epochs->second.at(backup.epoch).info;
  const auto document = TRY(read_epoch(info.object, state.identity.fleet, state.identity.root));
  return read_record(backup.record, document);
}

// Asks for the objects of a released backup to go. The record goes first: from then on the backup does not exist.
void ask_removal(Turn& turn, const Backup& backup) {
  CoreState& state = turn.state;
  const auto record = record_of(state, backup);
  const auto kept = record ? packs_needed_by_kept(state, backup.database) : std::unexpected(record.error());
  if (!kept) {
    turn.alert_once(fmt::format("backup {} cannot be removed: {}", backup.id, kept.error().message));
    return;
  }
  state.removals[backup.id] = turn.now;
  RemoveObjects work;
  work.database = backup.database;
  work.backup = backup.id;
  work.stores = all_stores(state);
  const CoreIdentity& identity = state.identity;
  work.released_mark =
      encode_released({identity.fleet, backup.database, backup.id, identity.epoch, turn.now, backup.reason},
                      identity.intermediate_certificate, identity.intermediate);
  const std::string manifest = manifest_name(backup.database, backup.id);
  work.names = {record_name(backup.database, backup.id), manifest};
  for (const auto& object : record->objects) {
    if (object.name != manifest && !kept->contains(object.name)) work.names.push_back(object.name);
  }
  // Packs of earlier backups that are gone already and were only left for this one.
  for (const auto& pack : record->needed_packs) {
    const auto owner = backup_of_object(pack.object.name);
    const Backup* known = owner ? state.backup(*owner) : nullptr;
    const bool owned = known != nullptr && known->state == BackupState::complete;
    if (owner && !owned && !kept->contains(pack.object.name)) work.names.push_back(pack.object.name);
  }
  turn.effects.work.emplace_back(std::move(work));
}

void ask_removal(Turn& turn, WalRemoval& removal) {
  removal.asked_at = turn.now;
  const WalRemovalRow& row = removal.row;
  // What was decided long ago may touch what is kept by now.
  const auto needed = wal_horizon(backups_of(turn.state, row.database), 1);
  if (needed && needed->keep_from < row.keep_from) return;
  turn.effects.work.emplace_back(RemoveWal{row.database, all_stores(turn.state), row.timeline, row.keep_from});
}

void release(Turn& turn, const Backup& known, const std::string& who, const std::string& reason) {
  Backup backup = known;
  backup.state = BackupState::released;
  backup.reason = reason;
  turn.put(backup);
  const Database* database = turn.state.database(backup.database);
  turn.audit(who, fmt::format("released backup {} of database {}: {}", backup.id,
                              database == nullptr ? backup.database.text() : database->name, reason));
  ask_removal(turn, backup);
}

// A log nobody can start from any more.
std::optional<std::string> release_wal(Turn& turn, const Database& database) {
  CoreState& state = turn.state;
  const auto log = state.wal.find(database.id);
  if (database.engine != Engine::postgres || log == state.wal.end() || log->second.ranges.empty()) return std::nullopt;
  const auto horizon = wal_horizon(backups_of(state, database.id), log->second.ranges.front().segment_size);
  if (!horizon) return std::nullopt;
  std::set<Timeline> timelines;
  for (const WalRange& range : log->second.ranges) {
    if (range.first < horizon->keep_from) timelines.insert(range.timeline);
  }
  if (timelines.empty()) return std::nullopt;
  // The ranges are trimmed with the same commit, so from here on only these rows know what still lies in the stores.
  for (const Timeline timeline : timelines) {
    turn.put(WalRemovalRow{database.id, timeline, horizon->keep_from});
    ask_removal(turn, state.wal_removals.at({database.id, timeline}));
  }
  trim_wal_ranges(log->second.ranges, horizon->keep_from, horizon->from_time);
  store_wal_ranges(turn, database.id);
  return fmt::format("database {}: log before {} released", database.name, horizon->keep_from);
}

}  // namespace

Result<std::set<std::string>> packs_needed_by_kept(const CoreState& state, DatabaseId database) {
  std::set<std::string> needed;
  const auto found = state.backups.find(database);
  if (found == state.backups.end()) return needed;
  for (const auto& [id, backup] : found->second) {
    if (backup.state != BackupState::complete || backup.type == BackupType::full) continue;
    const auto record = TRY_DURING(fmt::format("backup {}", id), record_of(state, backup));
    for (const auto& pack : record.needed_packs) needed.insert(pack.object.name);
  }
  return needed;
}

std::vector<RetentionDecision> preview_retention(const CoreState& state, const std::vector<DatabaseId>& databases,
                                                 Timestamp now) {
  std::vector<RetentionDecision> decisions;
  for (const DatabaseId id : databases) {
    auto of_database = decide_retention(input_for(state, state.databases.at(id), now));
    decisions.insert(decisions.end(), of_database.begin(), of_database.end());
  }
  return decisions;
}

std::vector<std::string> run_retention(Turn& turn, const std::vector<DatabaseId>& databases, const std::string& who) {
  CoreState& state = turn.state;
  std::vector<std::string> lines;
  for (const DatabaseId id : databases) {
    const Database database = state.databases.at(id);
    const RetentionInput input = input_for(state, database, turn.now);
    if (!input.policy) continue;
    for (const auto& decision : decide_retention(input)) {
      if (decision.keep) continue;
      release(turn, Backup(*state.backup(decision.backup)), who, decision.reasons.front());
      lines.push_back(fmt::format("database {}: backup {} of {} released", database.name, decision.backup,
                                  to_rfc3339(decision.finished_at)));
    }
    if (auto line = release_wal(turn, database)) {
      turn.audit(who, *line);
      lines.push_back(*std::move(line));
    }
  }
  return lines;
}

Result<> release_backup(Turn& turn, BackupId id, const std::string& who) {
  CoreState& state = turn.state;
  const Backup backup = *state.backup(id);
  const std::string name = id.text();
  if (backup.state == BackupState::running) return fail(Code::conflict, "backup " + name + " is still running");
  if (backup.state == BackupState::released)
    return fail(Code::conflict, "backup " + name + " is being removed already");
  if (backup.keep) {
    return fail(Code::conflict, "backup " + name + " is on hold", "holdfast backup release " + name);
  }
  if (backup.state == BackupState::failed) {
    turn.remove(backup);
    turn.audit(who, "removed failed backup " + name);
    return {};
  }
  if (needed_by_restores(state).contains(id)) return fail(Code::conflict, "a restore needs backup " + name);
  std::size_t good = 0;
  for (const auto& [other, row] : state.backups.at(backup.database)) {
    if (row.state == BackupState::complete && other != id && row.bad_pages == 0) ++good;
  }
  if (good == 0) {
    return fail(Code::conflict, "backup " + name + " is the last good one of its database", "take another one first");
  }
  release(turn, backup, who, "removed by " + who);
  return {};
}

void objects_removed(Turn& turn, const ObjectsRemoved& removed) {
  const Backup* known = turn.state.backup(removed.backup);
  if (known == nullptr || known->state != BackupState::released) return;
  if (removed.error) {
    turn.alert_once(fmt::format("backup {} could not be removed: {}", removed.backup, removed.error->message));
    return;  // asked for again later
  }
  const Backup backup = *known;
  turn.state.removals.erase(backup.id);
  turn.remove(backup);
  turn.audit("coordinator", fmt::format("removed the objects of backup {}", backup.id));
}

void wal_removed(Turn& turn, const WalRemoved& removed) {
  CoreState& state = turn.state;
  const auto known = state.wal_removals.find({removed.database, removed.timeline});
  if (known == state.wal_removals.end()) return;
  const Database* database = state.database(removed.database);
  if (removed.error) {
    turn.alert_once(fmt::format("old log of database {} could not be removed: {}",
                                database == nullptr ? removed.database.text() : database->name,
                                removed.error->message));
    return;  // asked for again later
  }
  if (known->second.row.keep_from > removed.keep_from) return;  // more was released meanwhile, and asked for
  turn.remove(WalRemovalRow(known->second.row));
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
  const auto removals = state.removals;
  for (const auto& [id, asked_at] : removals) {
    if (turn.now - asked_at < remove_again_after) continue;
    if (const Backup* backup = state.backup(id)) ask_removal(turn, Backup(*backup));
  }
  for (auto& [of, removal] : state.wal_removals) {
    if (turn.now - removal.asked_at >= remove_again_after) ask_removal(turn, removal);
  }
  if (turn.now < state.retention_at) return;
  state.retention_at = turn.now + run_every;
  std::vector<DatabaseId> all;
  for (const auto& [id, database] : state.databases) all.push_back(id);
  run_retention(turn, all, "retention");
}

}  // namespace holdfast
