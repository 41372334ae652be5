#include "coordinator/core/inventory.h"

#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/assignment.h"
#include "coordinator/core/backup_place.h"
#include "coordinator/core/sessions.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds look_at_places_every{30};

GroupingWorld world_of(CoreState& state, Timestamp now) {
  GroupingWorld world;
  // Just after a restart nobody has been heard yet: that is our silence and not theirs.
  world.online = [&state, now](NodeId id) {
    const auto node = state.nodes.find(id);
    return node != state.nodes.end() && (state.is_online(id) || !is_offline(state, node->second, now));
  };
  world.name_taken = [&state](const std::string& name) { return state.database_by_name.contains(name); };
  world.new_id = [&state] { return state.entropy->id<DatabaseId>(); };
  world.node_name = [&state](NodeId node) { return state.node_name(node); };
  return world;
}

BackupPlaceWorld places_of(CoreState& state, Timestamp now) {
  BackupPlaceWorld world;
  world.takes_work = [&state](NodeId id) {
    const auto node = state.nodes.find(id);
    return node != state.nodes.end() && node->second.state == NodeState::active;
  };
  world.online = [&state](NodeId id) { return state.is_online(id); };
  world.silent_for = [&state, now](NodeId id) {
    const auto node = state.nodes.find(id);
    if (node == state.nodes.end()) return Micros::max();
    return now - std::max(last_seen(state, node->second), state.loaded_at);
  };
  world.node_name = [&state](NodeId node) { return state.node_name(node); };
  return world;
}

// Who is at it ends it: two nodes would make the same backup.
bool is_being_backed_up(const CoreState& state, const Database& database) {
  const NodeId taker = backup_node(database);
  if (taker.is_null() || !state.is_online(taker) || database.backups_by == database.active) return false;
  return std::ranges::any_of(state.open_jobs, [&](const JobId& id) {
    const Job& job = state.jobs.at(id).job;
    return job.kind == JobKind::backup && job.database == database.id && job.node == taker &&
           job.state == JobState::running;
  });
}

void put_if_changed(Turn& turn, const Database& database) {
  const Database* before = turn.state.database(database.id);
  if (before != nullptr && *before == database) return;
  if (before == nullptr || before->system_id != database.system_id || before->members != database.members) {
    // Others with its system id may have something to say about it now, or nothing any more.
    for (const DatabaseId other : turn.state.databases_by_system[database.system_id]) {
      if (database.system_id.value() != 0) turn.touched_databases.insert(other);
    }
  }
  turn.put(database);
  turn.touched_databases.insert(database.id);
  for (const Member& member : database.members) turn.touched_nodes.insert(member.node);
}

const Node* home_node(const CoreState& state, const Database& database) {
  const NodeId id = !database.active.is_null() ? database.active
                    : database.members.empty() ? NodeId{}
                                               : database.members.front().node;
  const auto found = state.nodes.find(id);
  return found == state.nodes.end() ? nullptr : &found->second;
}

std::vector<std::string> alerts_of(CoreState& state, const Database& database, Timestamp now) {
  std::vector<std::string> alerts;
  const GroupingWorld world = world_of(state, now);
  const Member* active = active_member(database);
  if (const Member* rival = rival_of_active(database, world)) {
    alerts.push_back(fmt::format("nodes \"{}\" and \"{}\" both say that they are its primary",
                                 state.node_name(active->node), state.node_name(rival->node)));
  }
  if (active != nullptr && active->present && !active->found.standby && database.system_id.value() != 0) {
    for (const DatabaseId id : state.databases_by_system[database.system_id]) {
      const Database& other = state.databases.at(id);
      const Member* theirs = active_member(other);
      if (id == database.id || theirs == nullptr || !theirs->present || theirs->found.standby) continue;
      alerts.push_back(fmt::format("database \"{}\" on node \"{}\" is a second primary with the same system identifier",
                                   other.name, state.node_name(theirs->node)));
    }
  }
  if (active != nullptr && active->present && !active->found.problem.empty()) {
    alerts.push_back(active->found.problem +
                     (active->found.hint.empty() ? std::string{} : " (hint: " + active->found.hint + ")"));
  }
  return alerts;
}

void settle_database(Turn& turn, DatabaseId id) {
  CoreState& state = turn.state;
  const auto found = state.databases.find(id);
  if (found == state.databases.end()) return;
  Database database = found->second;
  const GroupingWorld world = world_of(state, turn.now);
  std::vector<std::string> events;
  elect_active(database, world, events);
  for (auto& event : events) turn.alert(std::move(event));
  if (rival_of_active(database, world) == nullptr) {
    state.contested.erase(id);
  } else {
    state.contested.try_emplace(id, turn.now);
  }
  const Node* node = home_node(state, database);
  database.labels = node == nullptr ? Labels{} : node->labels;
  database.labels["engine"] = word(database.engine);
  derive_protection(state, database);
  if (!is_being_backed_up(state, database)) {
    BackupPlace place = place_backups(database, policy_of(state, database), places_of(state, turn.now));
    database.backups_by = place.node;
    database.backups_note = std::move(place.note);
  }
  auto alerts = alerts_of(state, database, turn.now);
  database.alerts.insert(database.alerts.end(), alerts.begin(), alerts.end());
  put_if_changed(turn, database);
}

}  // namespace

void inventory_came(Turn& turn, const MessageCame& event, const Node& node, const Inventory& inventory) {
  CoreState& state = turn.state;
  Session& session = state.sessions[node.id];
  if (inventory.revision >= session.inventory_revision) {
    session.inventory_revision = inventory.revision;
    std::map<DatabaseId, Database> known;
    for (const DatabaseId id : state.databases_by_node[node.id]) known.emplace(id, state.databases.at(id));
    for (const auto& found : inventory.databases) {
      if (found.system_id.value() == 0) continue;
      for (const DatabaseId id : state.databases_by_system[found.system_id]) known.emplace(id, state.databases.at(id));
    }
    auto grouped = group_inventory(known, node.id, inventory.databases, world_of(state, turn.now), turn.now);
    for (auto& sentence : grouped.events) turn.alert(std::move(sentence));
    for (const auto& [id, database] : grouped.databases) put_if_changed(turn, database);
  }
  turn.send(event.door, event.peer, InventoryAck{inventory.revision}, event.message.id);
}

void settle_databases(Turn& turn) {
  // Settling one may touch others of its system id; nothing is settled twice, so this ends.
  std::set<DatabaseId> settled;
  if (turn.everything_touched) {
    for (const auto& [id, database] : turn.state.databases) turn.touched_databases.insert(id);
    for (const auto& [id, node] : turn.state.nodes) turn.touched_nodes.insert(id);
  }
  while (!turn.touched_databases.empty()) {
    const DatabaseId id = *turn.touched_databases.begin();
    turn.touched_databases.erase(turn.touched_databases.begin());
    if (settled.insert(id).second) settle_database(turn, id);
  }
}

void watch_rivals(Turn& turn) {
  CoreState& state = turn.state;
  // Longer than a node may be silent: whoever is only gone must have been noticed by then.
  const auto patience = std::chrono::seconds((missed_beats + 1) * std::int64_t{state.identity.heartbeat_seconds});
  const auto contested = state.contested;
  for (const auto& [id, since] : contested) {
    if (turn.now - since < patience) continue;
    state.contested.erase(id);
    Database database = state.databases.at(id);
    const GroupingWorld world = world_of(state, turn.now);
    const Member* rival = rival_of_active(database, world);
    if (rival == nullptr) continue;
    const Database apart = split_rival(database, *rival, world, turn.now);
    turn.alert(fmt::format("database \"{}\" has two primaries; the one on node \"{}\" is now database \"{}\"",
                           database.name, state.node_name(apart.active), apart.name));
    turn.audit("coordinator", fmt::format("made database {} of a second primary of {}", apart.name, database.name));
    put_if_changed(turn, database);
    put_if_changed(turn, apart);
  }
}

void watch_backup_places(Turn& turn) {
  CoreState& state = turn.state;
  if (turn.now - state.backup_places_at < look_at_places_every) return;
  state.backup_places_at = turn.now;
  for (const auto& [id, database] : state.databases) {
    if (database.members.size() > 1) turn.touched_databases.insert(id);
  }
}

Labels labels_for_selection(const CoreState& state, const Database& database) {
  Labels labels = database.labels;
  labels["name"] = database.name;
  labels["engine"] = word(database.engine);
  if (const Node* node = home_node(state, database)) labels["node"] = node->name;
  return labels;
}

}  // namespace holdfast
