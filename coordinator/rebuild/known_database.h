#pragma once
// What a catalog says, database by database.
#include "coordinator/catalog/store.h"
#include "coordinator/rebuild/differences.h"

namespace holdfast {

enum class KnowsEpochs : std::uint8_t { yes, no };  // a checkpoint leaves them to the stores

Result<KnownDatabase> read_known_database(KeyValueStore& catalog, DatabaseId database, KnowsEpochs epochs);
// Every database that it has a row or a backup of.
Result<std::set<DatabaseId>> databases_in(KeyValueStore& catalog);

}  // namespace holdfast
