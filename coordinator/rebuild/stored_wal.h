#pragma once
// Objects of log into ranges as the catalog keeps them.
#include "coordinator/rebuild/stored_objects.h"
#include "shared/repository/wal_reader.h"

namespace holdfast {

// The signed header of an object, proven; nullopt: it is not sound.
using HeaderOf = std::function<std::optional<WalHeader>(const WalName&)>;

// Stretches by the names alone; the times are those that the first and the last sound object of each stretch say. Only
// these headers are asked for.
std::vector<WalRange> wal_ranges_of(DatabaseId database, const std::vector<WalName>& names, const HeaderOf& header_of);

}  // namespace holdfast
