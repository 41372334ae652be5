#include "coordinator/core/removal.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/retention_rules.h"
#include "coordinator/core/stores.h"
#include "coordinator/core/wal_removal.h"
#include "shared/repository/layout.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes remove_again_after{10};

Result<BackupRecord> record_of(const CoreState& state, const Backup& backup) {
  const auto epochs = state.epochs.find(backup.database);
  if (epochs == state.epochs.end() || !epochs->second.contains(backup.epoch)) {
    return fail(Code::not_found, "its data key is not in the catalog");
  }
  const EpochInfo& info = epochs->second.at(backup.epoch).info;
  const auto document = TRY(read_epoch(info.object, state.identity.fleet, state.identity.root));
  return read_record(backup.record, document);
}

// Objects that go with a backup, the record first: from then on the backup does not exist.
std::vector<std::string> names_to_remove(const CoreState& state, const BackupRecord& record,
                                         const std::set<std::string>& kept) {
  const std::string manifest = manifest_name(record.database, record.backup);
  std::vector<std::string> names = {record_name(record.database, record.backup), manifest};
  for (const auto& object : record.objects) {
    if (object.name != manifest && !kept.contains(object.name)) names.push_back(object.name);
  }
  // Packs of earlier backups that are gone already and were only left for this one.
  for (const auto& pack : record.needed_packs) {
    const auto owner = backup_of_object(pack.object.name);
    const Backup* known = owner ? state.backup(*owner) : nullptr;
    const bool owned = known != nullptr && known->state == BackupState::complete;
    if (owner && !owned && !kept.contains(pack.object.name)) names.push_back(pack.object.name);
  }
  return names;
}

// Asks for the objects of a released backup to go.
Result<> ask_removal(Turn& turn, const Backup& backup, const std::set<std::string>& kept) {
  CoreState& state = turn.state;
  const auto record = TRY(record_of(state, backup));
  RemoveObjects work;
  work.database = backup.database;
  work.backup = backup.id;
  work.stores = all_stores(state);
  const CoreIdentity& identity = state.identity;
  work.released_mark =
      encode_released({identity.fleet, backup.database, backup.id, identity.epoch, turn.now, backup.reason},
                      identity.intermediate_certificate, identity.intermediate);
  work.names = names_to_remove(state, record, kept);
  turn.effects.work.emplace_back(std::move(work));
  return {};
}

Result<> check_lock(const Turn& turn, const Backup& backup) {
  const Database* database = turn.state.database(backup.database);
  const Policy* policy = database == nullptr ? nullptr : policy_of(turn.state, *database);
  if (policy == nullptr || policy->lock.count() <= 0) return {};
  const Timestamp unlocked = backup.finished_at + policy->lock;
  if (unlocked <= turn.now) return {};
  return fail(Code::conflict, fmt::format("backup {} is locked until {} (copies.lock of policy \"{}\")", backup.id,
                                          to_rfc3339(unlocked), policy->name));
}

}  // namespace

Result<> read_objects(CoreState& state, DatabaseId database) {
  const auto backups = state.backups.find(database);
  if (backups == state.backups.end()) return {};
  ObjectsByBackup& objects = state.objects[database];
  for (const auto& [id, backup] : backups->second) {
    if (backup.state != BackupState::complete || objects.contains(id)) continue;
    objects.emplace(id, objects_of(TRY_DURING(fmt::format("backup {}", id), record_of(state, backup))));
  }
  return {};
}

void release(Turn& turn, const Backup& known, const std::string& who, const std::string& reason) {
  Backup backup = known;
  backup.state = BackupState::released;
  backup.reason = reason;
  turn.put(backup);
  const Database* database = turn.state.database(backup.database);
  turn.audit(who, fmt::format("released backup {} of database {}: {}", backup.id,
                              database == nullptr ? backup.database.text() : database->name, reason));
}

void ask_removals(Turn& turn, const std::vector<BackupId>& ids) {
  std::map<DatabaseId, Result<std::set<std::string>>> kept;
  for (const BackupId id : ids) {
    const Backup* backup = turn.state.backup(id);
    if (backup == nullptr) continue;
    turn.state.removals[id] = turn.now;
    auto of_database = kept.find(backup->database);
    if (of_database == kept.end()) {
      of_database = kept.emplace(backup->database, packs_needed_by_kept(turn.state, backup->database)).first;
    }
    const auto& packs = of_database->second;
    const Result<> asked = packs ? ask_removal(turn, *backup, *packs) : std::unexpected(packs.error());
    if (!asked) turn.alert_once(fmt::format("backup {} cannot be removed: {}", id, asked.error().message));
  }
}

std::set<BackupId> needed_by_restores(const CoreState& state) {
  std::set<BackupId> needed;
  for (const auto& [id, restore] : state.restores) {
    if (restore.state != "planned" && restore.state != "running") continue;
    for (const auto& target : restore.targets) needed.insert(target.backup);
  }
  return needed;
}

Result<std::set<std::string>> packs_needed_by_kept(CoreState& state, DatabaseId database) {
  std::set<std::string> needed;
  const auto found = state.backups.find(database);
  if (found == state.backups.end()) return needed;
  TRY(read_objects(state, database));
  const ObjectsByBackup& objects = state.objects[database];
  for (const auto& [id, backup] : found->second) {
    if (backup.state == BackupState::complete) needed.merge(objects.at(id).of_earlier(database, id));
  }
  return needed;
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
  TRY(check_lock(turn, backup));
  const auto another = [&](auto&& is_one) {
    return std::ranges::any_of(state.backups.at(backup.database), [&](const auto& entry) {
      return entry.second.state == BackupState::complete && entry.first != id && is_one(entry.second);
    });
  };
  if (!another(is_good)) {
    return fail(Code::conflict, "backup " + name + " is the last good one of its database", "take another one first");
  }
  const auto is_verified = [](const Backup& other) { return !other.verified_at.is_never(); };
  if (is_verified(backup) && !another(is_verified)) {
    return fail(Code::conflict, "backup " + name + " is the only verified one of its database",
                "holdfast backup verify another one first");
  }
  release(turn, backup, who, "removed by " + who);
  ask_removals(turn, {id});
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

void watch_removals(Turn& turn) {
  CoreState& state = turn.state;
  std::vector<BackupId> again;
  for (const auto& [id, asked_at] : state.removals) {
    if (turn.now - asked_at >= remove_again_after) again.push_back(id);
  }
  ask_removals(turn, again);
  watch_wal_removals(turn);
}

}  // namespace holdfast
