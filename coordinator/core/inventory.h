#pragma once
// Inventories come in, databases and what is derived of them go into the catalog.
#include "coordinator/core/grouping.h"
#include "coordinator/core/state.h"

namespace holdfast {

void inventory_came(Turn& turn, const MessageCame& event, const Node& node, const Inventory& inventory);

// Labels, policy, protection and alerts of the databases that were touched; failovers when a primary fell silent.
void settle_databases(Turn& turn);
// Who takes the backups of groups: time alone may change it.
void watch_backup_places(Turn& turn);
// Members that both say for too long that they are primary become two databases.
void watch_rivals(Turn& turn);

// Of a database, for policies and selectors: the labels of its node, its engine and its name.
Labels labels_for_selection(const CoreState& state, const Database& database);

}  // namespace holdfast
