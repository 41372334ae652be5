#pragma once
// Changes of the catalog's schema: numbered, with a checksum, each run once under the writer's epoch.
#include <functional>
#include <string_view>

#include "coordinator/catalog/store.h"
#include "shared/crypto/keys.h"

namespace holdfast {

struct Migration {
  std::uint32_t number = 0;    // from 1, without a gap
  std::string_view name;       // what it does; part of the checksum, never changed once released
  std::uint32_t revision = 1;  // part of the checksum: goes up when the code of an unreleased migration changes
  // Changes are written in as many batches as it likes by calling `write`; it must do when run again from any batch.
  std::function<Result<>(KeyValueStore& store, const std::function<Result<>(std::vector<CatalogChange>)>& write)> run;
};

// What the catalog says about its schema.
struct SchemaState {
  std::uint32_t version = 0;
  Sha256 checksum{};        // over all migrations up to `version`
  std::uint32_t dirty = 0;  // the migration that was begun and not finished; 0: none
  friend bool operator==(const SchemaState&, const SchemaState&) = default;
};
Result<SchemaState> read_schema(KeyValueStore& store);

const std::vector<Migration>& all_migrations();

// Brings the catalog to the newest schema. Code::unsupported: it is newer than this build. Code::conflict: a migration
// was cut off (dirty), or the catalog went through other migrations than this build knows, or another writer took over.
Result<> migrate(KeyValueStore& store, std::uint64_t epoch, const std::vector<Migration>& migrations);

}  // namespace holdfast
