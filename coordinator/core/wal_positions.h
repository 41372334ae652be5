#pragma once
// How far each database's WAL is durable: kept in memory, stored as merged ranges every few seconds.
#include "coordinator/core/state.h"

namespace holdfast {

void wal_position_came(Turn& turn, const Node& node, const WalPosition& position);
void history_came(Turn& turn, const MessageCame& event, const Node& node, const HistoryReport& report);
void epoch_came(Turn& turn, const MessageCame& event, const Node& node, const EpochReport& report);
// Ranges that changed and were not stored for a few seconds.
void store_wal_ranges(Turn& turn);
// Those of one database now.
void store_wal_ranges(Turn& turn, DatabaseId database);

}  // namespace holdfast
