#pragma once
// The stores an agent was told about, opened once each.
#include <map>
#include <memory>
#include <mutex>

#include "shared/os/file_system.h"
#include "shared/store/store.h"
#include "shared/wire/messages.h"

namespace holdfast {

// Safe from many threads.
class StoreAccess {
 public:
  // `memory`: a directory of the agent's own, for what it must remember of the stores over a restart.
  StoreAccess(FileSystem& files, std::string memory) : files_(files), memory_(std::move(memory)) {}

  // Code::unsupported for a kind this version cannot reach.
  Result<std::shared_ptr<Store>> open(const StoreInfo& store);
  // All of them, in order. An empty list is Code::conflict: nothing may be written nowhere.
  Result<StoreSet> open_all(const std::vector<StoreInfo>& stores, std::size_t min_copies);

 private:
  FileSystem& files_;
  const std::string memory_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Store>> open_;  // by path
};

}  // namespace holdfast
