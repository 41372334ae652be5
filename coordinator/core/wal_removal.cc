#include "coordinator/core/wal_removal.h"

#include <fmt/format.h>

#include "coordinator/core/assignment.h"
#include "coordinator/core/removal.h"
#include "coordinator/core/stores.h"
#include "coordinator/core/wal_keep.h"
#include "coordinator/core/wal_positions.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes remove_again_after{10};

std::optional<WalKeep> log_needed_now(const CoreState& state, DatabaseId id, Timestamp now) {
  WalKeepInput input;
  if (const auto backups = state.backups.find(id); backups != state.backups.end()) {
    for (const auto& [backup_id, backup] : backups->second) input.backups.push_back(&backup);
  }
  if (const auto log = state.wal.find(id); log != state.wal.end()) input.ranges = log->second.ranges;
  if (const auto changes = state.timelines.find(id); changes != state.timelines.end()) input.switches = changes->second;
  input.needed = needed_by_restores(state);
  const Database* database = state.database(id);
  const Policy* policy = database == nullptr ? nullptr : policy_of(state, *database);
  if (policy != nullptr) input.pitr = policy->pitr;
  input.now = now;
  return wal_to_keep(input);
}

// What was decided some time ago may touch what is needed by now: then less of it goes.
ReleasedLog still_released(const ReleasedLog& decided, const WalKeep& keep) {
  ReleasedLog less = decided;
  less.keep_from = std::min(decided.keep_from, keep.keep_from);
  std::vector<LogStretch> kept = decided.kept;
  for (const LogStretch& part : keep.stretches()) kept.push_back(part);
  std::ranges::sort(kept);
  less.kept.clear();
  for (const LogStretch& part : kept) {
    if (!less.kept.empty() && part.first <= less.kept.back().last) {
      less.kept.back().last = std::max(less.kept.back().last, part.last);
    } else {
      less.kept.push_back(part);
    }
  }
  return less;
}

void ask_removal(Turn& turn, WalRemoval& removal) {
  removal.asked_at = turn.now;
  const auto keep = log_needed_now(turn.state, removal.row.database, turn.now);
  if (!keep) return;
  if (const ReleasedLog less = still_released(removal.row.log, *keep); less != removal.row.log) {
    WalRemovalRow row = removal.row;
    row.log = less;
    turn.put(row);
  }
  turn.effects.work.emplace_back(RemoveWal{removal.row.database, all_stores(turn.state), removal.row.log});
}

// Timelines of which the catalog counts on log that is not in `left`.
std::set<Timeline> shortened(const std::vector<WalRange>& ranges, const std::vector<WalRange>& left) {
  std::set<Timeline> timelines;
  for (const WalRange& range : ranges) {
    const bool whole = std::ranges::any_of(left, [&range](const WalRange& other) {
      return other.timeline == range.timeline && other.first == range.first && other.last == range.last;
    });
    if (!whole) timelines.insert(range.timeline);
  }
  return timelines;
}

}  // namespace

std::optional<std::string> release_wal(Turn& turn, const Database& database) {
  CoreState& state = turn.state;
  const auto log = state.wal.find(database.id);
  if (database.engine != Engine::postgres || log == state.wal.end() || log->second.ranges.empty()) return std::nullopt;
  const auto keep = log_needed_now(state, database.id, turn.now);
  if (!keep) return std::nullopt;
  std::vector<WalRange> left = cut_wal_ranges(log->second.ranges, *keep);
  const auto timelines = shortened(log->second.ranges, left);
  if (timelines.empty()) return std::nullopt;
  // The ranges are cut with the same commit, so from here on only these rows know what still lies in the stores.
  for (const Timeline timeline : timelines) {
    const auto before = state.wal_removals.find({database.id, timeline});
    const Lsn released = before == state.wal_removals.end() ? Lsn() : before->second.row.released_before;
    turn.put(WalRemovalRow{
        database.id, {timeline, keep->keep_from, keep->stretches()}, std::max(released, keep->keep_from), false});
  }
  log->second.ranges = std::move(left);
  store_wal_ranges(turn, database.id);
  for (const Timeline timeline : timelines) ask_removal(turn, state.wal_removals.at({database.id, timeline}));
  const std::string but = keep->before.empty() ? "" : ", but for what older backups need to become consistent";
  return fmt::format("database {}: log before {} released{}", database.name, keep->keep_from, but);
}

void wal_removed(Turn& turn, const WalRemoved& removed) {
  CoreState& state = turn.state;
  const auto known = state.wal_removals.find({removed.database, removed.log.timeline});
  if (known == state.wal_removals.end()) return;
  const Database* database = state.database(removed.database);
  if (removed.error) {
    turn.alert_once(fmt::format("old log of database {} could not be removed: {}",
                                database == nullptr ? removed.database.text() : database->name,
                                removed.error->message));
    return;  // asked for again later
  }
  WalRemovalRow row = known->second.row;
  if (row.removed || row.log != removed.log) return;  // something else was released meanwhile, and asked for
  row.removed = true;
  turn.put(row);
}

void watch_wal_removals(Turn& turn) {
  for (auto& [of, removal] : turn.state.wal_removals) {
    if (removal.row.removed || turn.now - removal.asked_at < remove_again_after) continue;
    ask_removal(turn, removal);
  }
}

}  // namespace holdfast
