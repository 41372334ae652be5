#include "agent/protection/store_access.h"

#include <fmt/format.h>

#include "shared/crypto/keys.h"
#include "shared/store/posix_store.h"

namespace holdfast {

Result<std::shared_ptr<Store>> StoreAccess::open(const StoreInfo& store) {
  if (store.kind != StoreKind::posix) {
    return fail(Code::unsupported, fmt::format("store \"{}\" is of a kind this agent cannot reach", store.name),
                "install a newer agent on this node");
  }
  const std::lock_guard lock(mutex_);
  auto& open = open_[store.path];
  if (!open) {
    PosixFirstUse first_use;
    first_use.witness = memory_ + "/" + to_hex(sha256(as_bytes(store.path)));
    open = std::make_shared<PosixStore>(files_, store.path, first_use);
  }
  return open;
}

Result<StoreSet> StoreAccess::open_all(const std::vector<StoreInfo>& stores, std::size_t min_copies) {
  if (stores.empty()) {
    return fail(Code::conflict, "there is no store to write to", "holdfast store add NAME posix --path DIRECTORY");
  }
  std::vector<NamedStore> open_stores;
  for (const auto& store : stores) open_stores.push_back({store.name, TRY(open(store))});
  return StoreSet(std::move(open_stores), min_copies);
}

}  // namespace holdfast
