#pragma once
// The stores an agent was told about, opened once each.
#include <map>
#include <memory>
#include <mutex>

#include "agent/protection/kept_passes.h"
#include "agent/protection/peer_stores.h"
#include "shared/store/opening/open_s3.h"
#include "shared/wire/messages.h"

namespace holdfast {

// Safe from many threads.
class StoreAccess {
 public:
  // `memory`: a directory of the agent's own, for what it must remember of the stores over a restart.
  StoreAccess(const StoreSurroundings& surroundings, std::string memory)
      : surroundings_(surroundings), memory_(std::move(memory)) {}
  // From now on those of kind peer are opened by `peers`, which outlives it.
  void reach_peers_by(PeerStores& peers) { peers_ = &peers; }

  // From now on buckets that hosts have no access key for are opened with `passes`, which outlive it.
  void reach_buckets_by(KeptPasses& passes) { passes_ = &passes; }

  // Code::unsupported for a kind this version cannot reach.
  // `lock`: what is put cannot be removed for so long, where the store can do that; 0: it can.
  Result<std::shared_ptr<Store>> open(const StoreInfo& store, Micros lock = Micros(0));
  // All of them, in order. An empty list is Code::conflict: nothing may be written nowhere.
  Result<StoreSet> open_all(const std::vector<StoreInfo>& stores, std::size_t min_copies, Micros lock = Micros(0));

 private:
  Result<std::shared_ptr<Store>> open_new(const StoreInfo& store, Micros lock) const;

  const StoreSurroundings surroundings_;
  const std::string memory_;
  PeerStores* peers_ = nullptr;
  KeptPasses* passes_ = nullptr;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Store>> open_;  // by where it is and how it is reached
};

}  // namespace holdfast
