#include "coordinator/catalog/checkpoint_urgency.h"

#include "coordinator/catalog/rows.h"
#include "shared/wire/codec.h"

namespace holdfast {
namespace {

// A node without what every session and heartbeat says again.
Result<Bytes> lasting_part(const Node& row) {
  Node node = row;
  node.last_seen_at = {};
  node.clock_offset_ms = 0;
  node.generation = 0;
  node.address.clear();
  node.facts = {};
  return encode_value(node);
}

Result<Bytes> lasting_part(const Database& row) {
  Database database;
  database.id = row.id;
  database.name = row.name;
  database.engine = row.engine;
  database.system_id = row.system_id;
  database.created_at = row.created_at;
  for (const Member& member : row.members) {
    Member& kept = database.members.emplace_back();
    kept.node = member.node;
    kept.found.key = member.found.key;
  }
  return encode_value(database);
}

Result<Bytes> lasting_part(const StoreInfo& row) {
  StoreInfo store = row;
  store.state.clear();
  store.used_bytes = 0;
  store.objects = 0;
  return encode_value(store);
}

template <class Row>
Sha256 digest_of(ByteView value) {
  const auto row = decode_value<Row>(value);
  const auto part = row ? lasting_part(*row) : Result<Bytes>(to_bytes(value));
  return sha256(*part);
}

std::optional<Sha256> digest_of(const CatalogChange& change) {
  if (!change.value) return std::nullopt;
  switch (change.family) {
    case Family::nodes:
      return digest_of<Node>(*change.value);
    case Family::databases:
      return digest_of<Database>(*change.value);
    case Family::stores:
      return digest_of<StoreInfo>(*change.value);
    default:
      return sha256(*change.value);
  }
}

bool is_on_hold(const CatalogChange& change) {
  if (!change.value) return false;
  const auto backup = decode_value<Backup>(*change.value);
  return backup && backup->keep;
}

}  // namespace

CheckpointUrgency CheckpointChanges::notice(const CatalogChange& change) {
  switch (change.family) {
    case Family::meta:
    case Family::orders:
    case Family::replies:
    case Family::wal_ranges:
    case Family::epochs:
      return CheckpointUrgency::none;
    case Family::timelines:
    case Family::jobs:
    case Family::restores:
    case Family::audit:
      return CheckpointUrgency::can_wait;
    case Family::backups: {
      const bool changed = is_on_hold(change) ? held_.insert(change.key).second : held_.erase(change.key) > 0;
      return changed ? CheckpointUrgency::soon : CheckpointUrgency::can_wait;
    }
    case Family::nodes:
    case Family::databases:
    case Family::policies:
    case Family::tokens:
    case Family::operators:
    case Family::stores:
      break;
  }
  const auto digest = digest_of(change);
  const std::pair place(change.family, change.key);
  if (!digest) return known_.erase(place) > 0 ? CheckpointUrgency::soon : CheckpointUrgency::none;
  const auto [known, is_new] = known_.try_emplace(place, *digest);
  if (!is_new && known->second == *digest) return CheckpointUrgency::none;
  known->second = *digest;
  return CheckpointUrgency::soon;
}

CheckpointUrgency CheckpointChanges::notice(const std::vector<CatalogChange>& changes) {
  CheckpointUrgency most = CheckpointUrgency::none;
  for (const CatalogChange& change : changes) most = std::max(most, notice(change));
  return most;
}

Result<> CheckpointChanges::learn(KeyValueStore& catalog) {
  for (const Family family : {Family::nodes, Family::databases, Family::policies, Family::tokens, Family::operators,
                              Family::stores, Family::backups}) {
    TRY(catalog.scan(family, {}, {}, [&](ByteView key, ByteView value) {
      (void)notice({family, to_bytes(key), to_bytes(value)});
      return true;
    }));
  }
  return {};
}

}  // namespace holdfast
