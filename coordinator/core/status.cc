#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/copies.h"
#include "coordinator/core/grouping.h"
#include "coordinator/core/histories.h"
#include "coordinator/core/lateness.h"
#include "coordinator/core/listing.h"
#include "coordinator/core/sessions.h"

namespace holdfast {
namespace {

constexpr std::chrono::minutes wal_behind_by{5};

// nullptr: there is none.
const Backup* latest_complete(const CoreState& state, DatabaseId id) {
  const auto backups = state.backups.find(id);
  if (backups == state.backups.end()) return nullptr;
  const Backup* latest = nullptr;
  for (const auto& [backup_id, backup] : backups->second) {
    if (backup.state != BackupState::complete) continue;
    if (latest == nullptr || backup.finished_at > latest->finished_at) latest = &backup;
  }
  return latest;
}

// A full backup found that the map of changed blocks misses pages; said as long as there are backups that were made
// with that map. Empty: there are none.
std::string changes_in_doubt(const CoreState& state, DatabaseId id) {
  const auto backups = state.backups.find(id);
  if (backups == state.backups.end()) return {};
  const Backup* proof = nullptr;
  for (const auto& [backup_id, backup] : backups->second) {
    if (backup.state != BackupState::complete || backup.missed_pages == 0) continue;
    if (proof == nullptr || backup.finished_at > proof->finished_at) proof = &backup;
  }
  if (proof == nullptr) return {};
  std::size_t doubtful = 0;
  for (const auto& [backup_id, backup] : backups->second) {
    const bool took_over = backup.type != BackupType::full && backup.state == BackupState::complete;
    if (took_over && backup.finished_at < proof->finished_at && backup.node == proof->node) ++doubtful;
  }
  return fmt::format(
      "the map of changed blocks missed {} pages, as its full backup {} found: its {} earlier incremental and "
      "differential backups may lack changes, restore a full one; later ones read everything",
      proof->missed_pages, proof->id, doubtful);
}

// What is wrong with the copies of a backup; empty: the policy has what it wants.
std::string copies_below(const CoreState& state, const Database& database, const Backup& backup) {
  const auto policy = state.policies.find(database.policy);
  if (policy == state.policies.end()) return {};
  std::size_t whole = 0;
  std::string where;
  for (const BackupCopy& copy : backup.copies) {
    if (copy.state == "ok") {
      ++whole;
    } else {
      where += fmt::format("{}{} in store \"{}\"", where.empty() ? ": " : ", ", copy.state, copy.store);
    }
  }
  if (whole >= policy->second.copies_want) return {};
  return fmt::format("its newest backup has {} of {} copies{}", whole, policy->second.copies_want, where);
}

// The same of its log.
std::string log_copies_below(const Database& database) {
  std::string where;
  for (const LogCopy& copy : database.log_copies) {
    if (copy.state != "ok")
      where += fmt::format("{}{} in store \"{}\"", where.empty() ? "" : ", ", copy.state, copy.store);
  }
  return where.empty() ? where : "its log is " + where + ": holdfast copy list";
}

// Damaged copies of other backups than the newest: each is said until it is repaired.
std::string damaged_copies(const CoreState& state, const Database& database, const Backup& newest) {
  std::size_t damaged = 0;
  for (const auto& [id, backup] : state.backups.at(database.id)) {
    if (id == newest.id || backup.state != BackupState::complete) continue;
    damaged += static_cast<std::size_t>(std::ranges::count(backup.copies, "damaged", &BackupCopy::state));
  }
  return damaged == 0 ? std::string()
                      : fmt::format("damaged copies of earlier backups: {} (holdfast copy list)", damaged);
}

void count_copies(const CoreState& state, const Database& database, FleetStatus& status) {
  const Policy* policy = policy_of(state, database);
  if (policy == nullptr || database.protection != Protection::protected_) return;
  const auto whole = whole_copies(copy_input(state, database));
  if (!whole) return;
  if (*whole < std::max(policy->copies_min, 1U)) ++status.below_min;
  if (*whole < policy->copies_want) ++status.below_want;
}

void node_alerts(const CoreState& state, Timestamp now, FleetStatus& status) {
  for (const auto& [id, node] : state.nodes) {
    if (node.state == NodeState::revoked) continue;
    if (node.state == NodeState::pending) {
      ++status.nodes_pending;
      status.alerts.push_back(
          fmt::format("node \"{}\" waits for approval: holdfast node approve {}", node.name, node.name));
      continue;
    }
    ++status.nodes;
    if (is_offline(state, node, now)) {
      ++status.nodes_offline;
      status.alerts.push_back(
          fmt::format("node \"{}\" is offline since {}", node.name, to_rfc3339(last_seen(state, node))));
    }
    const std::int64_t offset = node.clock_offset_ms;
    if (offset > clock_offset_alert_ms || offset < -clock_offset_alert_ms) {
      status.alerts.push_back(fmt::format("the clock of node \"{}\" is {} s {}", node.name, std::abs(offset) / 1000,
                                          offset > 0 ? "ahead" : "behind"));
    }
  }
}

// The newest job of a database says how it stands; older failures are history.
const Job* newest_backup_job(const CoreState& state, DatabaseId database) {
  const Job* newest = nullptr;
  for (const auto& [id, row] : state.jobs) {
    const Job& job = row.job;
    if (job.kind != JobKind::backup || job.database != database || !is_final(job.state)) continue;
    if (newest == nullptr || job.finished_at > newest->finished_at) newest = &job;
  }
  return newest;
}

void database_alerts(const CoreState& state, const Database& database, Timestamp now, FleetStatus& status) {
  const auto say = [&](std::string_view text) {
    status.alerts.push_back(fmt::format("database \"{}\": {}", database.name, text));
  };
  for (const auto& alert : database.alerts) say(alert);
  for (const Member& member : database.members) {
    if (!member.present) continue;
    for (const auto& slot : member.found.unused_slots) {
      say(fmt::format(
          "replication slot \"{0}\" on node \"{1}\" is used by nobody and its server keeps log for it until "
          "the disk is full; unless it is to be protected again, run there: SELECT "
          "pg_drop_replication_slot('{0}')",
          slot, state.node_name(member.node)));
    }
  }
  if (database.protection == Protection::excluded) return;
  if (database.protection == Protection::unprotected) {
    say("unprotected: " + database.protection_reason);
    return;
  }
  const Member* active = active_member(database);
  if (active != nullptr && !active->present) say("not found on its node any more");
  if (const std::string doubt = changes_in_doubt(state, database.id); !doubt.empty()) say(doubt);
  const Backup* newest = latest_complete(state, database.id);
  if (newest == nullptr) {
    say("no complete backup yet");
  } else if (const std::string below = copies_below(state, database, *newest); !below.empty()) {
    say(below);
  }
  if (const std::string below = log_copies_below(database); !below.empty()) say(below);
  if (newest != nullptr) {
    if (const std::string damaged = damaged_copies(state, database, *newest); !damaged.empty()) say(damaged);
  }
  if (const Job* job = newest_backup_job(state, database.id)) {
    if (job->state == JobState::failed || job->state == JobState::lost) say("the last backup failed: " + job->error);
  }
  if (const auto gap = open_gap(history_of(state, database))) {
    say(
        fmt::format("its log has a gap from {} to {}: what was committed after {} cannot be restored before the next "
                    "backup is complete; its agent takes one at once",
                    gap->from, gap->to, to_rfc3339(gap->reachable)));
  }
  const auto session = state.sessions.find(database.active);
  if (session == state.sessions.end()) return;
  const auto position = session->second.positions.find(database.id);
  if (position == session->second.positions.end()) return;
  const WalPosition& wal = position->second;
  if (!wal.error.empty()) say("its log is not shipped: " + wal.error);
  if (wal.slot_state == "lost" || wal.slot_state == "unreserved") say("its replication slot is " + wal.slot_state);
  if (!wal.through_time.is_never() && wal.written > wal.durable && now - wal.through_time > wal_behind_by) {
    say("its log in the stores is behind since " + to_rfc3339(wal.through_time));
  }
}

}  // namespace

FleetStatus fleet_status(const CoreState& state, Timestamp now) {
  FleetStatus status;
  status.fleet_name = state.identity.fleet_name;
  status.fleet = state.identity.fleet;
  status.epoch = state.identity.epoch;
  status.version = state.identity.version;
  if (state.stores.empty()) status.alerts.emplace_back("the fleet has no store: holdfast store add");
  node_alerts(state, now, status);
  for (const auto& [name, id] : state.database_by_name) {
    database_alerts(state, state.databases.at(id), now, status);
    count_copies(state, state.databases.at(id), status);
  }
  if (status.below_min > 0) {
    status.alerts.push_back(
        fmt::format("databases with fewer whole copies than the least their policy allows: {} (holdfast copy list)",
                    status.below_min));
  } else if (status.below_want > 0) {
    status.alerts.push_back(
        fmt::format("databases with fewer copies than their policy wants: {} (holdfast copy list)", status.below_want));
  }
  for (const auto& [name, store] : state.stores) {
    if (store.state != "ok" && store.state != "unknown") {
      status.alerts.push_back(fmt::format("store \"{}\": {}", name, store.state));
    }
  }
  return status;
}

NodeView view_of(const CoreState& state, const Node& node) {
  NodeView view;
  view.node = node;
  view.node.last_seen_at = last_seen(state, node);
  view.node.chain.clear();
  view.online = state.is_online(node.id);
  const auto databases = state.databases_by_node.find(node.id);
  if (databases != state.databases_by_node.end()) view.databases = static_cast<std::uint32_t>(databases->second.size());
  const auto departure = state.last_departures.find(node.id);
  const auto job = departure == state.last_departures.end() ? state.jobs.end() : state.jobs.find(departure->second);
  if (job != state.jobs.end()) view.last_shutdown = job->second.job;
  return view;
}

DatabaseView view_of(const CoreState& state, const Database& database, Timestamp now) {
  DatabaseView view;
  view.database = database;
  const DatabaseHistory history = history_of(state, database);
  for (const Backup& backup : history.backups) {
    if (!view.last_backup || backup.finished_at > view.last_backup->finished_at) view.last_backup = backup;
  }
  if (view.last_backup) view.last_backup->record.clear();
  if (const auto window = recovery_window(history)) {
    view.recoverable_from = window->from;
    view.recoverable_through = window->to;
  }
  for (const Member& member : database.members) {
    const auto session = state.sessions.find(member.node);
    if (session == state.sessions.end()) continue;
    const auto position = session->second.positions.find(database.id);
    if (position != session->second.positions.end()) view.positions.push_back(position->second);
  }
  if (const Member* active = active_member(database)) view.size_bytes = active->found.size_bytes;
  view.late = lateness(state, database, view, now);
  return view;
}

}  // namespace holdfast
