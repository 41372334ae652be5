#include "coordinator/core/slot_load.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

template <class Key>
std::uint32_t count_of(const std::map<Key, std::uint32_t>& counts, const Key& key) {
  const auto found = counts.find(key);
  return found == counts.end() ? 0 : found->second;
}

bool exceeds(std::uint32_t limit, std::uint32_t running) {
  return limit != 0 && running >= limit;
}

std::string backups_run(std::uint32_t limit) {
  return limit == 1 ? "a backup runs" : fmt::format("{} backups run", limit);
}

}  // namespace

void SlotLoad::add(const SlotPlace& place) {
  ++fleet_;
  ++by_node_[place.node];
  if (!place.zone.empty()) ++by_zone_[place.zone];
  for (const auto& store : place.stores) ++by_store_[store];
}

// The sentences name the limit and not the count: who waits is told the same one until something else is in the way.
std::string SlotLoad::obstacle(const SlotPlace& place, const Policy& policy) const {
  if (exceeds(policy.per_fleet, fleet_)) {
    return fmt::format("{} in the fleet (limits.per_fleet)", backups_run(policy.per_fleet));
  }
  if (!place.zone.empty() && exceeds(policy.per_zone, count_of(by_zone_, place.zone))) {
    return fmt::format("{} in zone \"{}\" (limits.per_zone)", backups_run(policy.per_zone), place.zone);
  }
  for (const auto& store : place.stores) {
    if (!exceeds(policy.per_store, count_of(by_store_, store))) continue;
    return fmt::format("{} into store \"{}\" (limits.per_store)", backups_run(policy.per_store), store);
  }
  if (exceeds(policy.per_node, count_of(by_node_, place.node))) {
    return fmt::format("{} on the node (limits.per_node)", backups_run(policy.per_node));
  }
  return {};
}

}  // namespace holdfast
