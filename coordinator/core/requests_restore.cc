#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/grouping.h"
#include "coordinator/core/histories.h"
#include "coordinator/core/jobs.h"
#include "coordinator/core/operators.h"
#include "coordinator/core/selection.h"
#include "coordinator/core/sessions.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours plan_lifetime{1};

struct Place {
  NodeId node;
  std::string directory;
};

const RestorePlanRequest::Mapping* mapping_for(const RestorePlanRequest& request, const Database& database) {
  const auto found = std::find_if(request.map.begin(), request.map.end(), [&database](const auto& mapping) {
    return mapping.database == database.name || mapping.database == database.id.text();
  });
  return found == request.map.end() ? nullptr : &*found;
}

// Where it was, unless the request says otherwise; a directory for several databases gets one below it for each.
Result<Place> place_for(const CoreState& state, const RestorePlanRequest& request, const Database& database,
                        std::size_t databases) {
  const Member* home = active_member(database);
  if (home == nullptr && !database.members.empty()) home = &database.members.front();
  Place place;
  if (home != nullptr) place = {home->node, home->found.path};
  if (!request.target_node.empty()) place.node = TRY(find_node(state, request.target_node));
  if (!request.target_directory.empty()) {
    place.directory = databases == 1 ? request.target_directory : request.target_directory + "/" + database.name;
  }
  if (const auto* mapping = mapping_for(request, database)) {
    if (!mapping->node.empty()) place.node = TRY(find_node(state, mapping->node));
    if (!mapping->directory.empty()) place.directory = mapping->directory;
  }
  const auto node = state.nodes.find(place.node);
  if (node == state.nodes.end()) {
    return fail(Code::not_found, fmt::format("no node is known to restore database \"{}\" on", database.name),
                "name one with --target-node");
  }
  if (node->second.state == NodeState::revoked || node->second.state == NodeState::pending) {
    return fail(Code::conflict, fmt::format("node \"{}\" is not in the fleet", node->second.name),
                "name another one with --target-node");
  }
  if (!place.directory.starts_with('/')) {
    return fail(Code::invalid, fmt::format("\"{}\" is not an absolute path", place.directory));
  }
  return place;
}

bool is_home(const Database& database, const Place& place) {
  return std::any_of(database.members.begin(), database.members.end(), [&place](const Member& member) {
    return member.node == place.node && member.found.path == place.directory;
  });
}

Result<> check_free(const CoreState& state, NodeId node, const std::string& directory) {
  for (const auto& [id, restore] : state.restores) {
    if (restore.state != "running") continue;
    for (const RestoreTarget& target : restore.targets) {
      const bool busy = target.state == "planned" || target.state == "running";
      if (busy && target.node == node && target.directory == directory) {
        return fail(
            Code::conflict,
            fmt::format("restore {} works on \"{}\" of node \"{}\" already", id, directory, state.node_name(node)),
            fmt::format("holdfast restore describe {}", id));
      }
    }
  }
  return {};
}

// What the operator must know before it runs. Only the node knows its file systems.
std::string delta_note(const RestoreTarget& target) {
  if (target.engine == Engine::sqlite) {
    return fmt::format("database \"{}\" is SQLite and restored whole: delta is for PostgreSQL", target.database_name);
  }
  return fmt::format(
      "database \"{}\": where the node's file system has no reflinks (XFS and Btrfs have them), what differs in \"{}\" "
      "is overwritten and there is no way back: no rollback, and a failed run leaves the database down until the "
      "restore is run again",
      target.database_name, target.directory);
}

// Which copies a restore will have to do without; nothing when all are whole.
void note_copies(const Backup& backup, const std::string& name, std::vector<std::string>& notes) {
  std::vector<std::string> whole;
  std::vector<std::string> others;
  for (const BackupCopy& copy : backup.copies) {
    (copy.state == "ok" ? whole : others).push_back(fmt::format("\"{}\"", copy.store));
  }
  if (others.empty()) return;
  notes.push_back(whole.empty()
                      ? fmt::format("database \"{}\": no copy of its backup of {} is known to be whole: what is sound "
                                    "is taken from each of them",
                                    name, to_rfc3339(backup.finished_at))
                      : fmt::format("database \"{}\": the copy of its backup of {} in store {} is not whole, it is "
                                    "read from store {}",
                                    name, to_rfc3339(backup.finished_at), fmt::join(others, ", "),
                                    fmt::join(whole, ", ")));
}

struct PlannedTarget {
  RestoreTarget target;
  std::vector<std::string> notes;
};

Result<PlannedTarget> plan_target(const Turn& turn, const RestorePlanRequest& request, const Database& database,
                                  const std::optional<BackupId>& wanted, std::size_t databases) {
  const CoreState& state = turn.state;
  const Place place = TRY(place_for(state, request, database, databases));
  TRY(check_free(state, place.node, place.directory));
  const PlannedSource source = TRY(plan_source(history_of(state, database), request.target, wanted));
  PlannedTarget planned;
  planned.notes = source.notes;
  RestoreTarget& target = planned.target;
  target.database = database.id;
  target.database_name = database.name;
  target.engine = database.engine;
  target.node = place.node;
  target.directory = place.directory;
  target.in_place = is_home(database, place);
  target.backup = source.backup.id;
  target.backup_finished_at = source.backup.finished_at;
  target.target = request.target;
  target.timeline = source.timeline;
  target.planned_through = source.reach_lsn;
  target.start = request.start;
  if (request.method == RestoreMethod::delta) {
    if (target.engine == Engine::postgres) target.method = RestoreMethod::delta;
    planned.notes.push_back(delta_note(target));
  }
  target.tablespaces = request.tablespaces;
  target.bytes = source.backup.database_bytes;
  note_copies(source.backup, database.name, planned.notes);
  target.epochs = TRY(epochs_to_read(state, database, source.backup.id));
  const Node& node = state.nodes.at(place.node);
  if (!state.is_online(place.node)) {
    planned.notes.push_back(fmt::format("node \"{}\" is offline: its part begins when it is back", node.name));
  }
  const std::int64_t offset = node.clock_offset_ms;
  if (request.target.kind == TargetKind::time && (offset > clock_offset_alert_ms || offset < -clock_offset_alert_ms)) {
    planned.notes.push_back(fmt::format("the clock of node \"{}\" is {} s {} ours; times are those of its clock",
                                        node.name, std::abs(offset) / 1000, offset > 0 ? "ahead of" : "behind"));
  }
  return planned;
}

std::vector<NeededEpoch> epochs_to_grant(const CoreState& state, const Restore& restore) {
  std::vector<NeededEpoch> needed;
  std::set<std::pair<NodeId, EpochId>> listed;
  for (const RestoreTarget& target : restore.targets) {
    const auto& known = state.epochs.at(target.database);
    for (const EpochId epoch : target.epochs) {
      if (!known.contains(epoch) || !listed.emplace(target.node, epoch).second) continue;
      needed.push_back({target.node, state.nodes.at(target.node).recipient, known.at(epoch).info});
    }
  }
  return needed;
}

Result<> check_targets_differ(const CoreState& state, const Restore& restore) {
  std::set<std::pair<NodeId, std::string>> places;
  for (const RestoreTarget& target : restore.targets) {
    if (places.emplace(target.node, target.directory).second) continue;
    return fail(Code::invalid, fmt::format("two databases would be restored into \"{}\" on node \"{}\"",
                                           target.directory, state.node_name(target.node)));
  }
  return {};
}

// The backup's own stores first, the whole copies before those that lack something, then those that ever got one of the
// database's backups or get its WAL now. A store that was only added holds nothing of it; asked for WAL it could not
// answer, and a restore must take no answer for a "no".
std::vector<StoreInfo> stores_for(const CoreState& state, const RestoreTarget& target) {
  std::vector<StoreInfo> stores;
  std::set<std::string> listed;
  const auto add = [&](const std::string& name) {
    const auto store = state.stores.find(name);
    if (store != state.stores.end() && listed.insert(name).second) stores.push_back(store->second);
  };
  if (const Backup* backup = state.backup(target.backup)) {
    for (const auto& copy : backup->copies) {
      if (copy.state == "ok") add(copy.store);
    }
    for (const auto& copy : backup->copies) add(copy.store);
  }
  if (const auto backups = state.backups.find(target.database); backups != state.backups.end()) {
    for (const auto& [id, other] : backups->second) {
      for (const auto& copy : other.copies) add(copy.store);
    }
  }
  const auto database = state.databases.find(target.database);
  if (database != state.databases.end()) {
    const auto policy = state.policies.find(database->second.policy);
    if (policy != state.policies.end()) {
      for (const auto& name : chosen_stores(state, policy->second, database->second.active)) add(name);
    }
  }
  return stores;
}

Result<std::vector<GrantedKey>> keys_for(const CoreState& state, const RestoreTarget& target,
                                         const std::vector<RestoreRunRequest::Grant>& grants) {
  std::vector<GrantedKey> keys;
  for (const EpochId epoch : target.epochs) {
    const auto grant = std::find_if(grants.begin(), grants.end(), [&](const RestoreRunRequest::Grant& given) {
      return given.node == target.node && given.key.epoch == epoch && !given.key.sealed.empty();
    });
    if (grant != grants.end()) {
      keys.push_back(grant->key);
    } else if (state.epochs.at(target.database).contains(epoch)) {
      return fail(Code::denied,
                  fmt::format("the data key {} of database \"{}\" was not given", epoch, target.database_name),
                  "run it with the recovery key: --recovery-key FILE");
    }
  }
  return keys;
}

// Why a target has nothing for this job; empty: it has.
std::string nothing_to_undo(const RestoreTarget& target, JobKind kind) {
  const bool ended = target.state == "complete" || target.state == "failed";
  if (kind == JobKind::rollback && target.way_back == WayBack::none) {
    return fmt::format("database \"{}\": the restore overwrote \"{}\", there is no way back", target.database_name,
                       target.directory);
  }
  const bool kept = !target.aside.empty() || (kind == JobKind::finalize && !target.leftovers.empty());
  if (ended && kept) return {};
  return fmt::format("database \"{}\": nothing is set aside", target.database_name);
}

Answer order_undo(Turn& turn, const std::string& who, const Restore& restore, JobKind kind) {
  const bool rollback = kind == JobKind::rollback;
  JobsReply reply;
  for (const RestoreTarget& target : restore.targets) {
    if (auto reason = nothing_to_undo(target, kind); !reason.empty()) {
      reply.warnings.push_back(std::move(reason));
      continue;
    }
    TRY(check_free(turn.state, target.node, target.directory));
    NewJob job;
    job.kind = kind;
    job.node = target.node;
    job.database = target.database;
    job.restore = restore.id;
    job.origin = who;
    OrderBody body =
        rollback ? OrderBody(RollbackOrder{restore.id, target}) : OrderBody(FinalizeOrder{restore.id, target});
    reply.jobs.push_back(start_job(turn, job, std::move(body)));
  }
  if (reply.jobs.empty()) {
    return fail(Code::conflict,
                fmt::format("restore {} has nothing to {}: {}", restore.id, rollback ? "roll back" : "finalize",
                            fmt::join(reply.warnings, "; ")),
                rollback ? "holdfast restore run brings another point back" : "");
  }
  turn.audit(who, fmt::format("ordered to {} restore {}", rollback ? "roll back" : "finalize", restore.id));
  return reply;
}

}  // namespace

Answer plan_restore(Turn& turn, const std::string& who, const RestorePlanRequest& request) {
  CoreState& state = turn.state;
  Selection selection = request.selection;
  std::optional<BackupId> wanted;
  if (!request.backup.empty()) {
    wanted = TRY(find_backup(state, request.backup));
    if (selection.empty()) selection.names = {state.database_by_backup.at(*wanted).text()};
  }
  const auto databases = TRY(select_databases(state, selection, WhenEmpty::refuse));
  if (wanted && databases.size() != 1) return fail(Code::invalid, "one backup is of one database");
  RestorePlanReply reply;
  reply.restore.id = state.entropy->id<RestoreId>();
  reply.restore.created_by = who;
  reply.restore.created_at = turn.now;
  for (const DatabaseId id : databases) {
    const Database& database = state.databases.at(id);
    if (database.protection == Protection::excluded && selection.names.empty()) {
      reply.notes.push_back(fmt::format("database \"{}\" is excluded and left alone", database.name));
      continue;
    }
    auto planned = TRY(plan_target(turn, request, database, wanted, databases.size()));
    reply.restore.targets.push_back(std::move(planned.target));
    reply.notes.insert(reply.notes.end(), planned.notes.begin(), planned.notes.end());
  }
  if (reply.restore.targets.empty()) return fail(Code::conflict, "every database that fits is excluded");
  TRY(check_targets_differ(state, reply.restore));
  reply.epochs = epochs_to_grant(state, reply.restore);
  turn.put(reply.restore);
  turn.audit(who, fmt::format("planned restore {} of {} databases", reply.restore.id, databases.size()));
  return reply;
}

Answer run_restore(Turn& turn, const std::string& who, const RestoreRunRequest& request) {
  CoreState& state = turn.state;
  const auto found = state.restores.find(request.restore);
  if (found == state.restores.end()) {
    return fail(Code::not_found, fmt::format("there is no restore {}", request.restore), "plan it again");
  }
  Restore restore = found->second;
  if (restore.state != "planned") {
    return fail(Code::conflict, fmt::format("restore {} is {} already", restore.id, restore.state));
  }
  if (turn.now - restore.created_at > plan_lifetime) {
    return fail(Code::conflict, "the plan is older than an hour", "plan it again");
  }
  std::vector<std::vector<GrantedKey>> keys;
  for (const RestoreTarget& target : restore.targets) {
    const Backup* backup = state.backup(target.backup);
    if (backup == nullptr || backup->state != BackupState::complete) {
      return fail(Code::conflict, fmt::format("backup {} is gone", target.backup), "plan it again");
    }
    TRY(check_free(state, target.node, target.directory));
    keys.push_back(TRY(keys_for(state, target, request.keys)));
  }
  JobsReply reply;
  for (std::size_t i = 0; i < restore.targets.size(); ++i) {
    RestoreTarget& target = restore.targets[i];
    target.job = state.entropy->id<JobId>();
    NewJob job;
    job.kind = JobKind::restore;
    job.node = target.node;
    job.database = target.database;
    job.backup = target.backup;
    job.restore = restore.id;
    job.origin = who;
    reply.jobs.push_back(
        start_job(turn, job, target.job, RestoreOrder{restore.id, target, stores_for(state, target), keys[i]}));
  }
  restore.state = "running";
  restore.started_at = turn.now;
  turn.put(restore);
  turn.audit(who, fmt::format("started restore {}", restore.id));
  return reply;
}

Answer restore_request(Turn& turn, const std::string& who, const RestoreRequest& request) {
  const RestoreId id = TRY(find_restore(turn.state, request.id));
  const Restore restore = turn.state.restores.at(id);
  if (restore.state == "planned" || restore.state == "running") {
    return fail(Code::conflict, fmt::format("restore {} is {}", id, restore.state),
                "wait for its end, or cancel its jobs");
  }
  return order_undo(turn, who, restore,
                    request.verb == RestoreRequest::Verb::rollback ? JobKind::rollback : JobKind::finalize);
}

void expire_plans(Turn& turn) {
  std::vector<Restore> expired;
  for (const auto& [id, restore] : turn.state.restores) {
    if (restore.state == "planned" && turn.now - restore.created_at > plan_lifetime) expired.push_back(restore);
  }
  for (const Restore& restore : expired) turn.remove(restore);
}

}  // namespace holdfast
