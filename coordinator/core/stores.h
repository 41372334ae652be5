#pragma once
// The fleet's stores: what may be added, and how they are. Agents check the ones that operators ask about; buckets the
// coordinator checks too, since it is who removes there.
#include "coordinator/core/state.h"

namespace holdfast {

// By name.
std::vector<StoreInfo> all_stores(const CoreState& state);
// Code::invalid names what will not do; Code::conflict: another store is in that place.
Result<StoreInfo> new_store(const CoreState& state, const AddStoreRequest& request, Timestamp now);
// Whether the coordinator itself reaches stores of this kind to check them.
bool checks_itself(const StoreInfo& store);
void store_checked(Turn& turn, const StoreChecked& checked);
// How full they are: counted when they are looked through, and reckoned up when a backup is made.
void note_store_use(Turn& turn, DatabaseId database, const std::vector<StoreUse>& use);
void add_store_use(Turn& turn, const Backup& backup, std::size_t objects);
// Checks them after a start, and once an hour.
void watch_stores(Turn& turn);

}  // namespace holdfast
