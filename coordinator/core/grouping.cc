#include "coordinator/core/grouping.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

// A data directory that was made anew is another cluster; one whose system id cannot be read now is still itself.
bool same_cluster(const FoundDatabase& before, const FoundDatabase& now) {
  if (before.engine != now.engine) return false;
  const bool both_known = before.system_id.value() != 0 && now.system_id.value() != 0;
  return !both_known || before.system_id == now.system_id;
}

std::string base_name(const FoundDatabase& found) {
  if (!found.name.empty()) return found.name;
  const auto slash = found.path.find_last_of('/');
  const std::string last = slash == std::string::npos ? found.path : found.path.substr(slash + 1);
  return last.empty() ? "database" : last;
}

std::string unique_name(const std::string& base, const std::map<DatabaseId, Database>& also,
                        const GroupingWorld& world) {
  const auto taken = [&](const std::string& name) {
    return world.name_taken(name) ||
           std::any_of(also.begin(), also.end(), [&](const auto& entry) { return entry.second.name == name; });
  };
  std::string name = base;
  for (int suffix = 2; taken(name); ++suffix) name = fmt::format("{}-{}", base, suffix);
  return name;
}

Database make_database(const Member& member, const std::map<DatabaseId, Database>& also, const GroupingWorld& world,
                       Timestamp now) {
  Database database;
  database.id = world.new_id();
  database.name = unique_name(base_name(member.found), also, world);
  database.engine = member.found.engine;
  database.system_id = member.found.system_id;
  database.members = {member};
  if (!member.found.standby) database.active = member.node;
  database.created_at = now;
  return database;
}

void update_member(Database& database, Member& member, const FoundDatabase& found, Timestamp now) {
  const SystemId before = member.found.system_id;
  member.found = found;
  if (found.system_id.value() == 0) member.found.system_id = before;
  if (database.system_id.value() == 0) database.system_id = found.system_id;
  member.present = true;
  member.seen_at = now;
}

// Returns the indexes of `found` that belong to a member already.
std::set<std::size_t> update_members(std::map<DatabaseId, Database>& databases, NodeId node,
                                     const std::vector<FoundDatabase>& found, Timestamp now) {
  std::set<std::size_t> placed;
  for (auto& [id, database] : databases) {
    for (Member& member : database.members) {
      if (member.node != node) continue;
      bool there = false;
      for (std::size_t i = 0; i < found.size(); ++i) {
        if (found[i].key != member.found.key || placed.contains(i) || !same_cluster(member.found, found[i])) continue;
        update_member(database, member, found[i], now);
        placed.insert(i);
        there = true;
        break;
      }
      if (!there) member.present = false;
    }
  }
  return placed;
}

// The database that this newcomer belongs to; nullptr: one of its own.
Database* home_of(std::map<DatabaseId, Database>& databases, NodeId node, const FoundDatabase& found,
                  const GroupingWorld& world) {
  if (found.engine != Engine::postgres || found.system_id.value() == 0) return nullptr;
  Database* home = nullptr;
  for (auto& [id, database] : databases) {
    if (database.engine != Engine::postgres || database.system_id != found.system_id) continue;
    const Member* active = active_member(database);
    if (found.standby) {
      // A group whose primary lives is the likelier one; else the oldest.
      const bool live = active != nullptr && is_live_primary(*active, world);
      if (live) return &database;
      if (home == nullptr || database.created_at < home->created_at) home = &database;
    } else if (active == nullptr || (active->node == node && !active->present)) {
      return &database;  // no primary until now, or its directory has moved on this host
    }
  }
  return home;
}

}  // namespace

const Member* active_member(const Database& database) {
  const Member* best = nullptr;
  const auto rank = [](const Member& member) {
    return (member.present ? 4 : 0) + (member.found.standby ? 0 : 2) + (member.found.running ? 1 : 0);
  };
  if (database.active.is_null()) return nullptr;
  for (const Member& member : database.members) {
    if (member.node == database.active && (best == nullptr || rank(member) > rank(*best))) best = &member;
  }
  return best;
}

bool is_live_primary(const Member& member, const GroupingWorld& world) {
  return member.present && member.found.running && !member.found.standby && world.online(member.node);
}

bool elect_active(Database& database, const GroupingWorld& world, std::vector<std::string>& events) {
  const Member* active = active_member(database);
  if (active != nullptr && is_live_primary(*active, world)) return false;
  const Member* best = nullptr;
  for (const Member& member : database.members) {
    if (&member == active || !is_live_primary(member, world)) continue;
    if (active != nullptr && member.found.timeline < active->found.timeline) continue;  // an old primary come back
    if (best == nullptr || member.found.timeline > best->found.timeline) best = &member;
  }
  if (best == nullptr) return false;
  if (active != nullptr) {
    events.push_back(fmt::format("database \"{}\" failed over from node \"{}\" to node \"{}\" (timeline {})",
                                 database.name, world.node_name(active->node), world.node_name(best->node),
                                 best->found.timeline.value()));
  }
  const bool moved = database.active != best->node;
  database.active = best->node;
  return moved;
}

const Member* rival_of_active(const Database& database, const GroupingWorld& world) {
  const Member* active = active_member(database);
  if (active == nullptr || !is_live_primary(*active, world)) return nullptr;
  for (const Member& member : database.members) {
    if (&member != active && is_live_primary(member, world)) return &member;
  }
  return nullptr;
}

Database split_rival(Database& database, const Member& rival, const GroupingWorld& world, Timestamp now) {
  // `rival` lies in the list that it is taken out of.
  const Member member = rival;  // NOLINT(performance-unnecessary-copy-initialization)
  std::erase(database.members, member);
  return make_database(member, {{database.id, database}}, world, now);
}

GroupingResult group_inventory(const std::map<DatabaseId, Database>& known, NodeId node,
                               const std::vector<FoundDatabase>& found, const GroupingWorld& world, Timestamp now) {
  GroupingResult result{known, {}};
  const auto placed = update_members(result.databases, node, found, now);
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (placed.contains(i)) continue;
    const Member member{node, found[i], true, now};
    if (Database* home = home_of(result.databases, node, found[i], world)) {
      home->members.push_back(member);
      if (!found[i].standby) home->active = node;
      continue;
    }
    Database made = make_database(member, result.databases, world, now);
    result.databases.emplace(made.id, std::move(made));
  }
  for (auto& [id, database] : result.databases) elect_active(database, world, result.events);
  return result;
}

}  // namespace holdfast
