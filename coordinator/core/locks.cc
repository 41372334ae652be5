#include "coordinator/core/locks.h"

#include <fmt/format.h>

#include "coordinator/core/assignment.h"
#include "coordinator/core/removal.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes after_start{10};
constexpr std::chrono::hours after_failure{1};

std::vector<StoreInfo> locking_stores(const CoreState& state) {
  std::vector<StoreInfo> stores;
  for (const auto& [name, store] : state.stores) {
    if (store.abilities.object_lock == Ability::yes) stores.push_back(store);
  }
  return stores;
}

// nullopt: a record cannot be read, so that nobody knows which packs are needed.
std::optional<KeepObjects> work_for(Turn& turn, const Database& database, Micros lock) {
  CoreState& state = turn.state;
  const auto packs = packs_needed_by_kept(state, database.id);
  if (!packs) {
    turn.alert_once(
        fmt::format("objects of database \"{}\" cannot be kept under lock: {}", database.name, packs.error().message));
    return std::nullopt;
  }
  KeepObjects work;
  work.database = database.id;
  work.until = turn.now + lock;
  work.stores = locking_stores(state);
  work.names = {packs->begin(), packs->end()};
  work.prefixes = {database_prefix(database.id) + "epochs/", database_prefix(database.id) + "wal/"};
  for (auto row = state.wal_removals.lower_bound({database.id, Timeline()});
       row != state.wal_removals.end() && row->first.first == database.id; ++row) {
    work.released.push_back(row->second.row.log);
  }
  const auto backups = state.backups.find(database.id);
  if (backups == state.backups.end()) return work;
  for (const auto& [id, backup] : backups->second) {
    if (backup.state == BackupState::complete) work.prefixes.push_back(backup_prefix(database.id, id));
  }
  return work;
}

}  // namespace

void watch_locks(Turn& turn) {
  CoreState& state = turn.state;
  if (turn.now - state.loaded_at < after_start) return;
  const std::vector<StoreInfo> stores = locking_stores(state);
  if (stores.empty()) return;
  for (const auto& [id, database] : state.databases) {
    const Policy* policy = policy_of(state, database);
    if (policy == nullptr || policy->lock.count() <= 0) continue;
    const Micros lock = policy->lock;
    const auto due = state.locks_due.find(id);
    if (due != state.locks_due.end() && turn.now < due->second) continue;
    state.locks_due[id] = turn.now + std::max<Micros>(lock / 2, after_failure);
    if (auto work = work_for(turn, database, lock)) turn.effects.work.emplace_back(*std::move(work));
  }
}

void objects_kept(Turn& turn, const ObjectsKept& kept) {
  if (!kept.error) return;
  const Database* database = turn.state.database(kept.database);
  turn.alert_once(fmt::format("objects of database \"{}\" could not be kept under lock: {}",
                              database == nullptr ? kept.database.text() : database->name, kept.error->text()));
  turn.state.locks_due[kept.database] = turn.now + after_failure;
}

}  // namespace holdfast
