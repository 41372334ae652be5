#pragma once
// Whose backup may begin now: the limits of policies that go beyond one node.
//
// A slot is a lease. The backup's first report takes its place, and the running job counts from then on; without a word
// it lapses at its deadline. Leases are only in memory: a coordinator that starts with nodes grants nothing for one
// lease's length, since what was granted before is not known any more, while backups that run are known from the
// catalog and from what their nodes report again.
//
// What is ordered by hand needs no slot, but counts. What runs on a node that has been silent for long does not: what
// it does now is its own decision, and a host that is gone must not keep the fleet from its backups.
#include "coordinator/core/slot_load.h"
#include "coordinator/core/state.h"

namespace holdfast {

constexpr std::chrono::seconds slot_lease{60};
constexpr std::chrono::minutes silent_backup_counts{15};  // after the last word of its node

// Always answered; the same question again has the same answer, with a new deadline.
void slot_asked(Turn& turn, const MessageCame& event, const Node& node, const SlotRequest& request);
// A backup was reported.
void slot_taken(Turn& turn, const Job& job);
// Leases past their deadline, and those of nodes that are the fleet's no more.
void watch_slots(Turn& turn);

// What runs or may begin, without this database's.
SlotLoad slot_load(const CoreState& state, DatabaseId without, Timestamp now);

}  // namespace holdfast
