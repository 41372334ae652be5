#pragma once
// Where the newest connection of each peer is. A routing id is a place and no identity: only a message whose key CURVE
// proved says whose place it is.
#include <cstdint>
#include <list>
#include <map>
#include <optional>

#include "shared/crypto/keys.h"

namespace holdfast {

class Routes {
 public:
  explicit Routes(std::size_t limit) : limit_(limit) {}
  // `place` is where this peer spoke from just now. Beyond the limit, whoever was silent longest is forgotten.
  void learn(const CurvePublicKey& peer, ByteView place);
  void forget(const CurvePublicKey& peer);
  // nullptr: none.
  const Bytes* find(const CurvePublicKey& peer) const;
  std::size_t size() const { return by_peer_.size(); }

 private:
  struct Entry {
    Bytes place;
    std::list<CurvePublicKey>::iterator age;
  };
  std::size_t limit_;
  std::map<CurvePublicKey, Entry> by_peer_;
  std::map<Bytes, CurvePublicKey> by_place_;
  std::list<CurvePublicKey> oldest_first_;
};

}  // namespace holdfast
