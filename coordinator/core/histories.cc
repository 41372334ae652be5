#include "coordinator/core/histories.h"

#include <fmt/format.h>

#include "shared/repository/record.h"

namespace holdfast {

DatabaseHistory history_of(const CoreState& state, const Database& database) {
  DatabaseHistory history;
  history.database = database.id;
  history.name = database.name;
  history.engine = database.engine;
  if (const auto backups = state.backups.find(database.id); backups != state.backups.end()) {
    for (const auto& [id, backup] : backups->second) {
      if (backup.state == BackupState::complete) history.backups.push_back(backup);
    }
  }
  if (const auto log = state.wal.find(database.id); log != state.wal.end()) history.ranges = log->second.ranges;
  if (const auto changes = state.timelines.find(database.id); changes != state.timelines.end()) {
    history.switches = changes->second;
  }
  const auto removals = state.wal_removals.lower_bound({database.id, Timeline()});
  for (auto row = removals; row != state.wal_removals.end() && row->first.first == database.id; ++row) {
    history.released_before[row->first.second] = row->second.row.released_before;
  }
  return history;
}

std::vector<EpochMoment> epoch_moments(const CoreState& state, DatabaseId database) {
  std::vector<EpochMoment> moments;
  const auto epochs = state.epochs.find(database);
  if (epochs == state.epochs.end()) return moments;
  for (const auto& [id, entry] : epochs->second) moments.push_back({id, entry.node, entry.created_at});
  return moments;
}

Result<std::vector<EpochId>> epochs_to_read(const CoreState& state, const Database& database, BackupId id) {
  const Backup& backup = *state.backup(id);
  const auto known = state.epochs.find(database.id);
  if (known == state.epochs.end() || !known->second.contains(backup.epoch)) {
    return fail(Code::not_found, fmt::format("data key {} of backup {} is not in the catalog", backup.epoch, id));
  }
  const auto document =
      TRY(read_epoch(known->second.at(backup.epoch).info.object, state.identity.fleet, state.identity.root));
  const auto record = TRY(read_record(backup.record, document));
  return needed_epochs(record.needed_epochs, backup.started_at, database.engine, epoch_moments(state, database.id));
}

}  // namespace holdfast
