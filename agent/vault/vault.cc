#include "agent/vault/vault.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {

Vault::Vault(FileSystem& files, const VaultDuty& duty, std::string witness)
    : name_(duty.name),
      path_(duty.path),
      store_(files, duty.path, {PosixFirstUse::Rule::may_make_it, std::move(witness)}),
      quota_(duty.quota_bytes) {}

// What a crash left goes, what lies there is counted; again until the store answers. One that nothing was ever put into
// does not yet, and has nothing to count.
Result<> Vault::prepare() {
  if (!swept_) {
    TRY(store_.remove_begun());
    swept_ = true;
  }
  if (counted_) return {};
  const auto objects = store_.list("");
  if (!objects && objects.error().code == Code::unavailable) return {};
  if (!objects) return std::unexpected(objects.error());
  stored_ = 0;
  for (const ObjectInfo& object : *objects) stored_ += object.size;
  counted_ = true;
  return {};
}

Result<> Vault::reserve(std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  TRY(prepare());
  const std::uint64_t quota = quota_;
  if (quota != 0 && (used() > quota || bytes > quota - used())) {
    return fail(Code::exhausted,
                fmt::format("vault \"{}\" may hold {} bytes, and {} more would be too much", name_, quota, bytes),
                "give it a larger quota, or let retention remove more");
  }
  reserved_ += bytes;
  return {};
}

void Vault::settle(std::uint64_t bytes, Outcome outcome) {
  const std::lock_guard lock(mutex_);
  reserved_ -= bytes;
  if (outcome == Outcome::stored && counted_) stored_ += bytes;
}

Result<> Vault::remove(const std::string& name) {
  const auto there = TRY(store_.stat(name));
  TRY(store_.remove(name));
  const std::lock_guard lock(mutex_);
  if (there && counted_) stored_ -= std::min(stored_, there->size);
  return {};
}

Result<Space> Vault::space() {
  Space space = TRY(store_.space());
  const std::lock_guard lock(mutex_);
  TRY(prepare());
  const std::uint64_t quota = quota_;
  if (quota == 0) return space;
  space.total_bytes = std::min(space.total_bytes, quota);
  space.free_bytes = std::min(space.free_bytes, quota - std::min(quota, used()));
  return space;
}

Result<VaultRoom> VaultRoom::take(std::shared_ptr<Vault> vault, std::uint64_t bytes) {
  TRY(vault->reserve(bytes));
  return VaultRoom(std::move(vault), bytes);
}

VaultRoom::~VaultRoom() {
  if (vault_) vault_->settle(bytes_, Vault::Outcome::given_up);
}

void VaultRoom::keep() {
  if (vault_) vault_->settle(bytes_, Vault::Outcome::stored);
  vault_.reset();
}

}  // namespace holdfast
