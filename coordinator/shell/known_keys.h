#pragma once
// Who may speak, as last committed: what the sockets ask, from several threads.
#include <unordered_map>

#include "coordinator/core/core.h"
#include "shared/base/mutex.h"

namespace holdfast {

class KnownKeys {
 public:
  void replace(const std::vector<Core::KnownKey>& keys);
  Admission admission(Door door, const CurvePublicKey& key) const;

 private:
  struct Hash {
    std::size_t operator()(const CurvePublicKey& key) const { return read_le<std::size_t>(key.bytes()); }
  };
  Guarded<std::unordered_map<CurvePublicKey, Admission, Hash>> keys_;
};

}  // namespace holdfast
