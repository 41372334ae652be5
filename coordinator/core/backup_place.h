#pragma once
// Which node of a streaming group takes its backups. Pure. Its log is always shipped by the active one.
#include <functional>

#include "shared/fleet/fleet.h"

namespace holdfast {

// What the rule needs to ask.
struct BackupPlaceWorld {
  std::function<bool(NodeId)> takes_work;    // neither cordoned nor on its way out
  std::function<bool(NodeId)> online;        // heard of lately
  std::function<Micros(NodeId)> silent_for;  // since it, or this coordinator, was last heard
  std::function<std::string(NodeId)> node_name;
};

struct BackupPlace {
  NodeId node;       // null: the active one
  std::string note;  // why no standby although the policy prefers one; empty: one, or none is asked for
  friend bool operator==(const BackupPlace&, const BackupPlace&) = default;
};

// A standby whose agent is only not heard keeps the duty that long: it may be at work, alone as it can be, and two
// would make the same backup.
constexpr std::chrono::minutes standby_patience{10};

// A healthy standby where the policy prefers one: the one that does it now (database.backups_by) for as long as it can,
// else that with the lowest node id.
BackupPlace place_backups(const Database& database, const Policy* policy, const BackupPlaceWorld& world);

// Whose agent takes its backups.
NodeId backup_node(const Database& database);

}  // namespace holdfast
