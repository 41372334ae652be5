#include "agent/daemon/slot_duty.h"

#include <algorithm>

#include "agent/postgres/slot_watch.h"

namespace holdfast {

SlotFate fate_of_slot(const std::string& slot, const FoundDatabase& cluster, const Assignment& assignment) {
  const auto database = database_of_slot(slot);
  const auto assigned = std::ranges::find_if(assignment.databases, [&](const Assigned& entry) {
    return database && entry.database == *database && entry.key == cluster.key;
  });
  if (assigned == assignment.databases.end()) return SlotFate::report;
  if (!assigned->protect && assigned->policy.name.empty()) return SlotFate::drop;
  const bool shipped = assigned->active && assigned->protect && !cluster.standby && !cluster.excluded;
  return shipped ? SlotFate::needed : SlotFate::report;
}

std::map<std::string, std::set<std::string>> slots_to(SlotFate fate, const std::map<std::string, HostDatabase>& host,
                                                      const Assignment& assignment) {
  std::map<std::string, std::set<std::string>> out;
  if (assignment.revision == 0) return out;
  for (const auto& [key, database] : host) {
    for (const auto& slot : database.slots) {
      if (fate_of_slot(slot, database.found, assignment) == fate) out[key].insert(slot);
    }
  }
  return out;
}

}  // namespace holdfast
