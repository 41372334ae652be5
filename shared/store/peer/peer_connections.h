#pragma once
// The connections to one vault: each is one thread's while it is in use, and waits for the next one afterwards.
#include <condition_variable>
#include <deque>
#include <mutex>

#include "shared/os/clock.h"
#include "shared/store/peer/conversation.h"

namespace holdfast {

// Safe from many threads.
class PeerConnections {
 public:
  struct Settings {
    VaultAddress address;
    PeerPatience patience = {};
    std::size_t at_most = 8;
    Micros idle_limit{std::chrono::seconds(30)};  // shorter than a vault remembers a silent connection
    Micros away_for{std::chrono::seconds(2)};     // after it could not be reached, nobody tries for so long
  };
  // `context` and `clock` outlive it.
  PeerConnections(ZmqContext& context, Clock& clock, Settings settings, const CurveKeyPair& own, Bytes grant);

  std::string endpoint() const;
  // For connections that are made from now on.
  void set_place(VaultAddress address, Bytes grant);

  enum class Wanted : std::uint8_t { any, fresh };
  // Greeted. Waits while all are in use. Code::unavailable, Code::denied: the vault cannot be reached or lets us not
  // in.
  Result<std::unique_ptr<PeerConversation>> take(Wanted wanted);
  // Every one that was taken comes back.
  void give_back(std::unique_ptr<PeerConversation> conversation);

 private:
  struct Idle {
    std::unique_ptr<PeerConversation> conversation;
    Micros since;
  };
  Result<std::unique_ptr<PeerConversation>> connect(const VaultAddress& address, const Bytes& grant);
  std::unique_ptr<PeerConversation> reuse();

  ZmqContext& context_;
  Clock& clock_;
  const Settings settings_;
  const CurveKeyPair own_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  VaultAddress address_;  // guarded by mutex_, as what follows
  Bytes grant_;
  std::size_t in_use_ = 0;
  std::deque<Idle> idle_;
  std::optional<Error> away_;
  Micros away_until_{0};
};

}  // namespace holdfast
