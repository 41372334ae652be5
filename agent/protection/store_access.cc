#include "agent/protection/store_access.h"

#include <fmt/format.h>

#include "shared/crypto/keys.h"
#include "shared/store/posix_store.h"

namespace holdfast {

namespace {

// Two descriptions with the same key are the same store, reached in the same way.
std::string key_of(const StoreInfo& store, Micros lock) {
  const S3Place& s3 = store.s3;
  // A store by this name that is another one has other passes.
  const std::string passes = s3.hosts == S3Place::Hosts::presigned ? store.id.text() + store.name : "";
  return fmt::format("{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}", static_cast<int>(store.kind), store.path,
                     s3.endpoint, s3.region, s3.bucket, s3.prefix, static_cast<int>(s3.addressing), s3.ca_file,
                     s3.credentials, passes, store.kind == StoreKind::s3 ? lock.count() : 0);
}

}  // namespace

Result<std::shared_ptr<Store>> StoreAccess::open_new(const StoreInfo& store, Micros lock) const {
  switch (store.kind) {
    case StoreKind::posix: {
      PosixFirstUse first_use;
      first_use.witness = memory_ + "/" + to_hex(sha256(as_bytes(store.path)));
      return std::make_shared<PosixStore>(surroundings_.files, store.path, first_use);
    }
    case StoreKind::s3:
      if (store.s3.hosts == S3Place::Hosts::presigned && passes_ != nullptr) {
        return open_presigned_s3(store.s3, surroundings_, passes_->asking_for(store));
      }
      return open_s3(store.s3, surroundings_, store.abilities, lock);
    case StoreKind::peer:
      break;
  }
  return fail(Code::unsupported, fmt::format("store \"{}\" is of a kind this agent cannot reach", store.name),
              "install a newer agent on this node");
}

Result<std::shared_ptr<Store>> StoreAccess::open(const StoreInfo& store, Micros lock) {
  if (store.kind == StoreKind::peer && peers_ != nullptr) return peers_->open(store);
  const std::lock_guard guard(mutex_);
  auto& open = open_[key_of(store, lock)];
  if (!open) open = TRY_DURING(fmt::format("open store \"{}\"", store.name), open_new(store, lock));
  return open;
}

Result<StoreSet> StoreAccess::open_all(const std::vector<StoreInfo>& stores, std::size_t min_copies, Micros lock) {
  if (stores.empty()) {
    return fail(Code::conflict, "there is no store to write to", "holdfast store add NAME posix --path DIRECTORY");
  }
  std::vector<NamedStore> open_stores;
  for (const auto& store : stores) open_stores.push_back({store.name, TRY(open(store, lock))});
  return StoreSet(std::move(open_stores), min_copies);
}

}  // namespace holdfast
