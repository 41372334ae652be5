#pragma once
// Draining nodes and shutting them down: the order, and what their state is meanwhile and afterwards.
#include "coordinator/core/operators.h"

namespace holdfast {

// Verbs drain and shutdown. The node takes no new work from now on. Code::unavailable: it is not connected.
// Code::conflict: one is under way already; but one that forces hurries it.
Answer order_departure(Turn& turn, const std::string& who, NodeId node, const NodeRequest& request);

// The node's job of this kind ended: a drained node stays cordoned, and one that was shut down takes work again when it
// is back.
void departure_ended(Turn& turn, const Job& job);

// What a node says of its databases counts for those that are on it.
void keep_own_receipts(const CoreState& state, Job& job);

}  // namespace holdfast
