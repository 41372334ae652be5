#include "coordinator/rebuild/stored_objects.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {

Result<StoredObjects> StoredObjects::list(const std::vector<NamedStore>& stores, const std::string& prefix) {
  StoredObjects out;
  out.stores_ = &stores;
  for (const NamedStore& store : stores) {
    out.listings_.push_back(TRY_DURING(fmt::format("store \"{}\"", store.name), store.store->list(prefix)));
  }
  return out;
}

std::optional<std::uint64_t> StoredObjects::size_in(std::size_t store, const std::string& name) const {
  const auto& listing = listings_[store];
  const auto found = std::ranges::lower_bound(listing, name, {}, &ObjectInfo::name);
  if (found == listing.end() || found->name != name) return std::nullopt;
  return found->size;
}

std::vector<std::string> StoredObjects::names() const {
  std::vector<std::string> all;
  for (const auto& listing : listings_) {
    for (const ObjectInfo& object : listing) all.push_back(object.name);
  }
  std::ranges::sort(all);
  all.erase(std::ranges::unique(all).begin(), all.end());
  return all;
}

}  // namespace holdfast
