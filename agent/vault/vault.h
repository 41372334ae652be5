#pragma once
// One directory that this node keeps for the fleet, and how much may lie there.
#include <atomic>
#include <mutex>
#include <optional>

#include "shared/store/posix_store.h"
#include "shared/wire/messages.h"

namespace holdfast {

// Safe from many threads.
class Vault {
 public:
  // `files` outlives it. `witness`: see PosixFirstUse.
  Vault(FileSystem& files, const VaultDuty& duty, std::string witness);

  const std::string& name() const { return name_; }
  const std::string& path() const { return path_; }
  PosixStore& store() { return store_; }
  void set_quota(std::uint64_t bytes) { quota_ = bytes; }
  // It is not this node's to keep any more: whoever still holds it is to be refused.
  void close() { closed_ = true; }
  bool closed() const { return closed_; }

  // Room for an object that is to come. Code::exhausted: the quota has none.
  Result<> reserve(std::uint64_t bytes);
  enum class Outcome : std::uint8_t { stored, given_up };
  void settle(std::uint64_t bytes, Outcome outcome);
  // Says how much went.
  Result<> remove(const std::string& name);
  // The disk's, or what the quota leaves of it.
  Result<Space> space();

 private:
  Result<> prepare();
  std::uint64_t used() const { return stored_ + reserved_; }

  const std::string name_;
  const std::string path_;
  PosixStore store_;
  std::atomic<std::uint64_t> quota_;  // 0: none
  std::atomic<bool> closed_{false};

  std::mutex mutex_;
  bool swept_ = false;    // guarded by mutex_, as what follows
  bool counted_ = false;  // stored_ is what lies there
  std::uint64_t stored_ = 0;
  std::uint64_t reserved_ = 0;
};

// Room in a vault until its fate is known.
class VaultRoom {
 public:
  static Result<VaultRoom> take(std::shared_ptr<Vault> vault, std::uint64_t bytes);
  VaultRoom(VaultRoom&& other) noexcept = default;
  VaultRoom& operator=(VaultRoom&&) = delete;
  ~VaultRoom();
  void keep();  // the object is there

 private:
  VaultRoom(std::shared_ptr<Vault> vault, std::uint64_t bytes) : vault_(std::move(vault)), bytes_(bytes) {}
  std::shared_ptr<Vault> vault_;  // nullptr: settled
  std::uint64_t bytes_;
};

}  // namespace holdfast
