#include "agent/protection/epochs.h"

#include <fmt/format.h>

#include "shared/repository/layout.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

constexpr Micros epoch_life = std::chrono::hours(24);

std::vector<std::string> names_of(const StoreSet& stores) {
  std::vector<std::string> names;
  for (const auto& store : stores.stores()) names.push_back(store.name);
  return names;
}

// Write-once, and whoever came first wins: the first content describes the database as well as ours does.
Result<> put_unless_there(const StoreSet& stores, const std::string& name, ByteView content) {
  auto put = stores.put(name, content);
  if (!put && put.error().code != Code::already_exists) return std::unexpected(std::move(put).error());
  return {};
}

// The first object of a store says whose it is.
Result<> claim_stores(const StoreSet& stores, ByteView fleet_record) {
  auto put = stores.put(fleet_record_name(), fleet_record);
  if (!put && put.error().code == Code::already_exists) {
    return fail(Code::conflict, "the store belongs to another fleet: " + put.error().message,
                "give each fleet a directory of its own");
  }
  if (!put) return std::unexpected(std::move(put).error());
  return {};
}

}  // namespace

std::shared_ptr<const EpochKey> Epochs::usable(const ProtectedDatabase& database) const {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(database.id);
  const bool will_do = open != open_.end() && open->second.recipients == database.recipients &&
                       open->second.stores == names_of(database.stores) &&
                       clock_.now() - open->second.made_at < epoch_life;
  return will_do ? open->second.key : nullptr;
}

Result<std::shared_ptr<const EpochKey>> Epochs::current(const ProtectedDatabase& database, ByteView fleet_record) {
  const std::lock_guard making(making_);
  if (auto key = usable(database)) return key;
  Open made = TRY_DURING(fmt::format("new data key of database \"{}\"", database.name), make(database, fleet_record));
  const std::lock_guard lock(mutex_);
  return open_.insert_or_assign(database.id, std::move(made)).first->second.key;
}

// Said once by this process it need not be said again, when nobody can say now whether it still stands there.
bool Epochs::is_described(const ProtectedDatabase& database, const Result<>& put) const {
  if (put || put.error().code != Code::unavailable) return false;
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(database.id);
  return open != open_.end() && open->second.stores == names_of(database.stores);
}

Result<Epochs::Open> Epochs::make(const ProtectedDatabase& database, ByteView fleet_record) {
  const auto claimed = claim_stores(database.stores, fleet_record);
  if (!claimed && !is_described(database, claimed)) return std::unexpected(claimed.error());
  const Timestamp now = clock_.now();
  const CertificateChain chain = TRY(CertificateChain::decode(identity_.chain));
  NewEpoch made = TRY(make_epoch(entropy_, identity_.fleet, database.id, identity_.node, database.recipients, chain,
                                 keys_.signer, now));
  TRY(database.stores.put(epoch_name(database.id, made.key.id), made.object));
  TRY(state_.add_to_outbox(EpochReport{{database.id, made.key.id, made.object}}));

  DatabaseRecord record;
  record.fleet = identity_.fleet;
  record.database = database.id;
  record.engine = database.engine;
  record.name = database.name;
  record.system_id = database.system_id;
  record.created_at = now;
  record.epoch = made.key.id;
  const auto described = put_unless_there(database.stores, database_record_name(database.id),
                                          encode_database_record(record, keys_.signer));
  if (!described && !is_described(database, described)) return std::unexpected(described.error());
  return Open{std::make_shared<const EpochKey>(std::move(made.key)), now, database.recipients,
              names_of(database.stores)};
}

void Epochs::add_open_key(DatabaseId database, KeyRing& keys) const {
  const std::lock_guard lock(mutex_);
  const auto found = open_.find(database);
  if (found != open_.end()) keys.add(EpochKey{found->second.key->id, found->second.key->key.clone()});
}

void Epochs::keep_only(const std::set<DatabaseId>& databases) {
  const std::lock_guard lock(mutex_);
  std::erase_if(open_, [&databases](const auto& open) { return !databases.contains(open.first); });
}

}  // namespace holdfast
