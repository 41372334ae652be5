#pragma once
// What becomes of replication slots of ours that nobody streams from any more: each holds log on its server until the
// disk is full. Pure.
#include <map>
#include <set>
#include <string>

#include "agent/daemon/host_databases.h"
#include "shared/wire/messages.h"

namespace holdfast {

enum class SlotFate : std::uint8_t {
  needed,  // a receiver uses it, or will
  drop,    // of a database that was released in so many words: no policy is meant to protect it
  report,  // everything between: no store just now, a standby, a copy, a database that this node knows nothing of
};

// Of a slot on this cluster's server. `slot`: a name of ours.
SlotFate fate_of_slot(const std::string& slot, const FoundDatabase& cluster, const Assignment& assignment);

// By FoundDatabase::key, the slots with this fate; clusters without one are left out. Nothing before the first
// assignment came.
std::map<std::string, std::set<std::string>> slots_to(SlotFate fate, const std::map<std::string, HostDatabase>& host,
                                                      const Assignment& assignment);

}  // namespace holdfast
