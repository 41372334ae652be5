#pragma once
// What a node is told to look after: the one message that lets an agent do its duty alone.
#include "coordinator/core/state.h"

namespace holdfast {

// Sets protection, policy, protection_reason and the alerts that come from policies. A database that no policy matches
// or that has too few stores is unprotected, and says why.
void derive_protection(const CoreState& state, Database& database);

// Where the copies of a database go whose writer is `writer`: the policy's stores, or all of the fleet, by name, cut to
// the number wanted. What the writer keeps itself is no copy elsewhere: see without_own_vaults().
std::vector<std::string> chosen_stores(const CoreState& state, const Policy& policy, NodeId writer);
const Policy* policy_of(const CoreState& state, const Database& database);

// Of the nodes that are the fleet's now.
bool takes_assignments(const Node& node);
// What an assignment of the node says of this database: once for each of its data directories there, usually one.
std::vector<Assigned> assigned_to(const CoreState& state, const Node& node, DatabaseId database);

// Without its revision.
Assignment make_assignment(const CoreState& state, const Node& node);

// New revisions for the nodes that were touched and whose assignment changed; sent to those that are online.
void settle_assignments(Turn& turn);
// Changes that could wait, and what was not acknowledged.
void resend_assignments(Turn& turn);
void assignment_acked(Turn& turn, const Node& node, const AssignmentAck& ack);
// Lets a change wait a little, so that many of a kind make one message.
void assignment_changes_soon(Turn& turn, NodeId node);

}  // namespace holdfast
