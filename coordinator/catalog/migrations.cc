#include "coordinator/catalog/migrations.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

Bytes schema_key() {
  return to_bytes(as_bytes("schema"));
}
constexpr std::size_t schema_size = 4 + 32 + 4;

CatalogChange put_schema(const SchemaState& state) {
  Bytes value;
  append_be(value, state.version);
  append(value, state.checksum);
  append_be(value, state.dirty);
  return {Family::meta, schema_key(), std::move(value)};
}

Sha256 checksum_after(const Sha256& before, const Migration& migration) {
  Bytes text = to_bytes(before);
  append_be(text, migration.number);
  append_be(text, migration.revision);
  append(text, as_bytes(migration.name));
  return sha256(text);
}

Result<> run_one(KeyValueStore& store, std::uint64_t epoch, SchemaState& state, const Migration& migration) {
  state.dirty = migration.number;
  TRY(store.commit({put_schema(state)}, epoch));
  if (migration.run) {
    TRY(migration.run(store, [&](const std::vector<CatalogChange>& changes) { return store.commit(changes, epoch); }));
  }
  state = {migration.number, checksum_after(state.checksum, migration), 0};
  return store.commit({put_schema(state)}, epoch);
}

Result<> check_known(const SchemaState& state, const std::vector<Migration>& migrations) {
  if (state.dirty != 0) {
    return fail(Code::conflict, fmt::format("the catalog's migration {} was begun and not finished", state.dirty),
                "put back the checkpoint made before it, or rebuild the catalog from a store");
  }
  if (state.version > migrations.size()) {
    return fail(Code::unsupported,
                fmt::format("the catalog has schema {} and this version knows {}", state.version, migrations.size()),
                "install the version that wrote it");
  }
  Sha256 checksum{};
  for (std::uint32_t i = 0; i < state.version; ++i) checksum = checksum_after(checksum, migrations[i]);
  if (checksum != state.checksum) {
    return fail(Code::conflict, "the catalog went through other migrations than this version has",
                "install the version that wrote it");
  }
  return {};
}

}  // namespace

Result<SchemaState> read_schema(KeyValueStore& store) {
  const auto value = TRY(store.get(Family::meta, schema_key()));
  if (!value) return SchemaState{};
  if (value->size() != schema_size) return fail(Code::corrupt, "the catalog's schema row has a wrong length");
  const ByteView bytes = *value;
  SchemaState state;
  state.version = read_be<std::uint32_t>(bytes);
  std::copy_n(bytes.begin() + 4, state.checksum.size(), state.checksum.begin());
  state.dirty = read_be<std::uint32_t>(bytes.subspan(36));
  return state;
}

const std::vector<Migration>& all_migrations() {
  static const std::vector<Migration> migrations = {{1, "the first schema", 1, nullptr},
                                                    {2, "the family of replies", 1, nullptr}};
  return migrations;
}

Result<> migrate(KeyValueStore& store, std::uint64_t epoch, const std::vector<Migration>& migrations) {
  SchemaState state = TRY(read_schema(store));
  TRY(check_known(state, migrations));
  while (state.version < migrations.size()) {
    const Migration& next = migrations[state.version];
    if (next.number != state.version + 1) return fail(Code::internal, "migrations are not numbered without a gap");
    TRY_DURING(fmt::format("migration {} ({})", next.number, next.name), run_one(store, epoch, state, next));
  }
  return {};
}

}  // namespace holdfast
