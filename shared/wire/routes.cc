#include "shared/wire/routes.h"

namespace holdfast {

void Routes::learn(const CurvePublicKey& peer, ByteView place) {
  Bytes now = to_bytes(place);
  const auto owner = by_place_.find(now);
  if (owner != by_place_.end() && owner->second != peer)
    forget(CurvePublicKey(owner->second));  // the place has moved on
  if (const auto known = by_peer_.find(peer); known != by_peer_.end()) {
    oldest_first_.splice(oldest_first_.end(), oldest_first_, known->second.age);
    if (known->second.place == now) return;
    by_place_.erase(known->second.place);
    known->second.place = now;
    by_place_[std::move(now)] = peer;
    return;
  }
  if (by_peer_.size() >= limit_) forget(CurvePublicKey(oldest_first_.front()));
  by_peer_.emplace(peer, Entry{now, oldest_first_.insert(oldest_first_.end(), peer)});
  by_place_[std::move(now)] = peer;
}

void Routes::forget(const CurvePublicKey& peer) {
  const auto known = by_peer_.find(peer);
  if (known == by_peer_.end()) return;
  by_place_.erase(known->second.place);
  oldest_first_.erase(known->second.age);
  by_peer_.erase(known);
}

const Bytes* Routes::find(const CurvePublicKey& peer) const {
  const auto known = by_peer_.find(peer);
  return known == by_peer_.end() ? nullptr : &known->second.place;
}

}  // namespace holdfast
