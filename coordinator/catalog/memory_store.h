#pragma once
// The catalog in memory: for tests and simulations. What was committed survives as long as the object does, so a
// simulated crash drops the core and keeps the store.
#include <array>
#include <map>

#include "coordinator/catalog/store.h"

namespace holdfast {

class MemoryStore final : public KeyValueStore {
 public:
  Result<std::optional<Bytes>> get(Family family, ByteView key) override;
  Result<> scan(Family family, ByteView prefix, ByteView from,
                const std::function<bool(ByteView key, ByteView value)>& visit) override;
  Result<> commit(const std::vector<CatalogChange>& changes, std::uint64_t epoch) override;
  Result<std::uint64_t> begin_epoch() override;

 private:
  std::map<Bytes, Bytes>& rows(Family family) { return families_.at(static_cast<std::size_t>(family)); }
  std::array<std::map<Bytes, Bytes>, family_count> families_;
};

}  // namespace holdfast
