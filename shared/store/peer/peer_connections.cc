#include "shared/store/peer/peer_connections.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

// While all connections are in use by others.
constexpr std::chrono::seconds turn_limit{120};

}  // namespace

PeerConnections::PeerConnections(ZmqContext& context, Clock& clock, Settings settings, const CurveKeyPair& own,
                                 Bytes grant)
    : context_(context),
      clock_(clock),
      settings_(std::move(settings)),
      own_{own.public_key, own.secret_key.clone()},
      address_(settings_.address),
      grant_(std::move(grant)) {}

std::string PeerConnections::endpoint() const {
  const std::lock_guard lock(mutex_);
  return address_.endpoint;
}

void PeerConnections::set_place(VaultAddress address, Bytes grant) {
  std::deque<Idle> old;
  const std::lock_guard lock(mutex_);
  if (grant == grant_ && address == address_) return;
  address_ = std::move(address);
  grant_ = std::move(grant);
  away_.reset();
  old.swap(idle_);
}

std::unique_ptr<PeerConversation> PeerConnections::reuse() {
  const Micros now = clock_.monotonic();
  while (!idle_.empty() && now - idle_.front().since > settings_.idle_limit) idle_.pop_front();
  if (idle_.empty()) return nullptr;
  auto newest = std::move(idle_.back().conversation);
  idle_.pop_back();
  return newest;
}

Result<std::unique_ptr<PeerConversation>> PeerConnections::take(Wanted wanted) {
  VaultAddress address;
  Bytes grant;
  {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, turn_limit, [this] { return in_use_ < settings_.at_most; })) {
      return fail(Code::unavailable, "all connections to the vault are in use");
    }
    if (wanted == Wanted::fresh) idle_.clear();
    if (auto idle = reuse()) {
      ++in_use_;
      return idle;
    }
    if (away_ && clock_.monotonic() < away_until_) return std::unexpected(*away_);
    ++in_use_;
    address = address_;
    grant = grant_;
  }
  auto connected = connect(address, grant);
  const std::lock_guard lock(mutex_);
  if (connected) {
    away_.reset();
    return connected;
  }
  --in_use_;
  changed_.notify_one();
  away_ = connected.error();
  away_until_ = clock_.monotonic() + settings_.away_for;
  return connected;
}

Result<std::unique_ptr<PeerConversation>> PeerConnections::connect(const VaultAddress& address, const Bytes& grant) {
  if (grant.empty()) {
    return fail(Code::denied, "this node has no grant for the vault", "it gets one from the coordinator");
  }
  auto connection = TRY(open_vault_connection(context_, address, own_));
  auto conversation = std::make_unique<PeerConversation>(std::move(connection), settings_.patience);
  TRY(conversation->greet(grant));
  return conversation;
}

void PeerConnections::give_back(std::unique_ptr<PeerConversation> conversation) {
  const std::lock_guard lock(mutex_);
  --in_use_;
  if (!conversation->lost()) idle_.push_back({std::move(conversation), clock_.monotonic()});
  changed_.notify_one();
}

}  // namespace holdfast
