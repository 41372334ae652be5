#include "coordinator/core/backup_place.h"

#include <fmt/format.h>

#include "coordinator/core/grouping.h"

namespace holdfast {
namespace {

// Why this standby cannot take backups, as far as its node has said; empty: it can.
std::string hindrance(const Member& standby, const Member& active, const BackupPlaceWorld& world) {
  if (!standby.present) return "it is not on its node now";
  if (standby.found.excluded) return "it is excluded";
  if (!world.takes_work(standby.node)) return "its node takes no new work";
  if (!standby.found.running) return "its server does not run";
  if (!standby.found.problem.empty()) return standby.found.problem;
  // Left behind by a failover, or not yet past its first checkpoint there: what it holds may belong to a dead branch.
  if (standby.found.timeline < active.found.timeline) {
    return fmt::format("it is on timeline {} and the primary on {}", standby.found.timeline.value(),
                       active.found.timeline.value());
  }
  return {};
}

}  // namespace

BackupPlace place_backups(const Database& database, const Policy* policy, const BackupPlaceWorld& world) {
  const Member* active = active_member(database);
  if (policy == nullptr || policy->prefer != "standby" || database.engine != Engine::postgres || active == nullptr) {
    return {};
  }
  BackupPlace place;
  std::string why = "there is none";
  for (const Member& member : database.members) {
    if (&member == active || !member.found.standby) continue;
    std::string hindered = hindrance(member, *active, world);
    const bool does_it_now = member.node == database.backups_by && world.silent_for(member.node) <= standby_patience;
    if (hindered.empty() && !does_it_now && !world.online(member.node)) hindered = "its node is offline";
    if (!hindered.empty()) {
      why = fmt::format("of the one on node \"{}\" is known: {}", world.node_name(member.node), hindered);
      continue;
    }
    if (member.node == database.backups_by) return {member.node, {}};
    if (place.node.is_null() || member.node < place.node) place.node = member.node;
  }
  if (place.node.is_null()) place.note = fmt::format("taken from the primary, though a standby is preferred: {}", why);
  return place;
}

NodeId backup_node(const Database& database) {
  return database.backups_by.is_null() ? database.active : database.backups_by;
}

}  // namespace holdfast
