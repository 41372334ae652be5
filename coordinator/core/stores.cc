#include "coordinator/core/stores.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/fleet/words.h"
#include "shared/store/opening/s3_place.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours check_every{1};

Result<> check_path(const std::string& path) {
  if (path.starts_with('/') && path.find("/../") == std::string::npos) return {};
  return fail(Code::invalid, fmt::format("\"{}\" is not an absolute path", path));
}

bool same_place(const StoreInfo& a, const StoreInfo& b) {
  if (a.kind != b.kind) return false;
  if (a.kind == StoreKind::posix) return a.path == b.path;
  return a.s3.endpoint == b.s3.endpoint && a.s3.bucket == b.s3.bucket && a.s3.prefix == b.s3.prefix;
}

}  // namespace

std::vector<StoreInfo> all_stores(const CoreState& state) {
  std::vector<StoreInfo> stores;
  for (const auto& [name, store] : state.stores) stores.push_back(store);
  return stores;
}

bool checks_itself(const StoreInfo& store) {
  return store.kind == StoreKind::s3;
}

Result<StoreInfo> new_store(const CoreState& state, const AddStoreRequest& request, Timestamp now) {
  StoreInfo store;
  store.name = request.name;
  store.kind = request.kind;
  store.zone = request.zone;
  store.created_at = now;
  switch (request.kind) {
    case StoreKind::posix:
      TRY(check_path(request.path));
      store.path = request.path;
      break;
    case StoreKind::s3:
      TRY(check_s3_place(request.s3));
      store.s3 = request.s3;
      break;
    case StoreKind::peer:
      return fail(Code::unsupported, "this version has stores of the kinds posix and s3");
  }
  for (const auto& [name, other] : state.stores) {
    if (same_place(store, other)) {
      return fail(Code::conflict, fmt::format("store \"{}\" is at {} already", name, place_of(other)));
    }
  }
  store.id = state.entropy->id<StoreId>();
  return store;
}

void store_checked(Turn& turn, const StoreChecked& checked) {
  const auto found = turn.state.stores.find(checked.store);
  if (found == turn.state.stores.end()) return;
  StoreInfo row = found->second;
  row.state = checked.error ? fmt::format("the coordinator: {}", checked.error->text()) : "ok";
  if (!checked.error && row.abilities != checked.abilities) {
    row.abilities = checked.abilities;
    turn.everything_touched = true;  // agents write differently where names are guarded
  }
  if (row == found->second) return;
  turn.put(row);
}

void note_store_use(Turn& turn, DatabaseId database, const std::vector<StoreUse>& use) {
  for (const StoreUse& one : use) turn.state.store_use[one.store][database] = one;
  for (const StoreUse& one : use) {
    const auto store = turn.state.stores.find(one.store);
    const auto& counted_so_far = turn.state.store_use[one.store];
    // After a start the first round tells of some databases only.
    const bool all = std::ranges::all_of(turn.state.databases,
                                         [&](const auto& each) { return counted_so_far.contains(each.first); });
    if (store == turn.state.stores.end() || !all) continue;
    StoreInfo row = store->second;
    row.objects = row.used_bytes = 0;
    for (const auto& [id, counted] : counted_so_far) {
      row.objects += counted.objects;
      row.used_bytes += counted.bytes;
    }
    if (row != store->second) turn.put(row);
  }
}

void add_store_use(Turn& turn, const Backup& backup, std::size_t objects) {
  for (const BackupCopy& copy : backup.copies) {
    const auto store = turn.state.stores.find(copy.store);
    if (store == turn.state.stores.end() || copy.state != "ok") continue;
    StoreInfo row = store->second;
    row.objects += objects;
    row.used_bytes += backup.stored_bytes;
    turn.put(row);
    const auto counted = turn.state.store_use.find(copy.store);
    if (counted == turn.state.store_use.end() || !counted->second.contains(backup.database)) continue;
    counted->second[backup.database].objects += objects;
    counted->second[backup.database].bytes += backup.stored_bytes;
  }
}

void watch_stores(Turn& turn) {
  CoreState& state = turn.state;
  if (!state.stores_checked_at.is_never() && turn.now - state.stores_checked_at < check_every) return;
  state.stores_checked_at = turn.now;
  for (const auto& [name, store] : state.stores) {
    if (checks_itself(store)) turn.effects.work.emplace_back(CheckStore{store});
  }
}

}  // namespace holdfast
