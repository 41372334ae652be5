#include "coordinator/catalog/memory_store.h"

#include <algorithm>

#include "coordinator/catalog/fencing.h"

namespace holdfast {

Result<std::optional<Bytes>> MemoryStore::get(Family family, ByteView key) {
  const auto& all = rows(family);
  const auto found = all.find(to_bytes(key));
  if (found == all.end()) return std::optional<Bytes>{};
  return std::optional<Bytes>{found->second};
}

Result<> MemoryStore::scan(Family family, ByteView prefix, ByteView from,
                           const std::function<bool(ByteView key, ByteView value)>& visit) {
  const auto& all = rows(family);
  const Bytes start = std::max(to_bytes(prefix), to_bytes(from));
  for (auto at = all.lower_bound(start); at != all.end(); ++at) {
    if (at->first.size() < prefix.size() || !std::equal(prefix.begin(), prefix.end(), at->first.begin())) break;
    if (!visit(at->first, at->second)) break;
  }
  return {};
}

Result<> MemoryStore::commit(const std::vector<CatalogChange>& changes, std::uint64_t epoch) {
  const auto newest = TRY(get(Family::meta, epoch_key()));
  TRY(check_writer(newest, changes, epoch));
  for (const auto& change : changes) {
    if (change.value) {
      rows(change.family)[change.key] = *change.value;
    } else {
      rows(change.family).erase(change.key);
    }
  }
  return {};
}

Result<std::uint64_t> MemoryStore::begin_epoch() {
  const auto newest = TRY(get(Family::meta, epoch_key()));
  const std::uint64_t next = TRY(next_epoch(newest));
  rows(Family::meta)[epoch_key()] = epoch_value(next);
  return next;
}

}  // namespace holdfast
