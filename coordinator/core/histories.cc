#include "coordinator/core/histories.h"

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
  return history;
}

std::vector<EpochMoment> epoch_moments(const CoreState& state, DatabaseId database) {
  std::vector<EpochMoment> moments;
  const auto epochs = state.epochs.find(database);
  if (epochs == state.epochs.end()) return moments;
  for (const auto& [id, entry] : epochs->second) moments.push_back({id, entry.node, entry.created_at});
  return moments;
}

}  // namespace holdfast
