#pragma once
// From what agents find on their hosts to databases: who is a member of which, and who is active. Pure.
#include <functional>
#include <map>
#include <set>

#include "shared/fleet/fleet.h"

namespace holdfast {

// What the rules need to ask.
struct GroupingWorld {
  std::function<bool(NodeId)> online;
  std::function<bool(const std::string&)> name_taken;
  std::function<DatabaseId()> new_id;
  std::function<std::string(NodeId)> node_name;
};

struct GroupingResult {
  std::map<DatabaseId, Database> databases;  // those given, as they are now, and the new ones
  std::vector<std::string> events;           // sentences: a failover, a second primary
};

// `known`: every database that has a member on this node or a system id that is in `found`.
//
// PostgreSQL: a standby joins the database of its system id, or makes it; a primary joins a database that has no
// primary yet; a second one makes a database of its own. SQLite: one database for each node and path. What the node
// does not report any more stays a member that is not present.
GroupingResult group_inventory(const std::map<DatabaseId, Database>& known, NodeId node,
                               const std::vector<FoundDatabase>& found, const GroupingWorld& world, Timestamp now);

// The member that is backed up; nullptr: there is none yet.
const Member* active_member(const Database& database);
bool is_live_primary(const Member& member, const GroupingWorld& world);

// Failover: when the active member is no live primary and another member is, that one becomes active. True: it did.
bool elect_active(Database& database, const GroupingWorld& world, std::vector<std::string>& events);
// A member other than the active one that is a live primary beside it; nullptr: none.
const Member* rival_of_active(const Database& database, const GroupingWorld& world);
// Makes the rival a database of its own and returns it.
Database split_rival(Database& database, const Member& rival, const GroupingWorld& world, Timestamp now);

}  // namespace holdfast
