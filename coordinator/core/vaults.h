#pragma once
// Stores that nodes keep for the fleet: who keeps them, where they are reached, and what everybody may do there.
#include "coordinator/core/operators.h"
#include "coordinator/core/state.h"

namespace holdfast {

// Where the vaults of a node are reached: under its address and the port that agents take by themselves, or what its
// label "vault" says (host:port).
std::string vault_endpoint(const Node& node);

// `store add NAME peer`. Answers like add_store().
Answer add_vault(Turn& turn, const std::string& who, const AddStoreRequest& request);

// Into what is sent to a node: the vaults it keeps, and for each store of kind peer what it may do there, by the
// databases that it is assigned. The same for a day, so that an assignment does not change with every look at it.
void add_vaults(const CoreState& state, const Node& node, Timestamp now, Assignment& assignment);
// Into an order: for what it is about, as long as it is of use. Stores are as hosts see them then.
void add_order_grants(const CoreState& state, const Node& node, Timestamp now, Order& order);

// Nodes whose grants are renewed now; vaults whose nodes are reached elsewhere.
void watch_vaults(Turn& turn);

// Of these stores, the names of those that a copy may go to. What the database's own node keeps dies with it: it is
// taken only when the others are fewer than `needed`.
std::vector<std::string> without_own_vaults(const CoreState& state, const std::vector<std::string>& stores, NodeId own,
                                            std::size_t needed);

}  // namespace holdfast
