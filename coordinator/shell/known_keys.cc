#include "coordinator/shell/known_keys.h"

namespace holdfast {

void KnownKeys::replace(const std::vector<Core::KnownKey>& keys) {
  std::unordered_map<CurvePublicKey, Admission, Hash> fresh;
  fresh.reserve(keys.size());
  for (const auto& known : keys) {
    // A key that is known twice (an operator's and a node's) is out when one of them is.
    const auto [place, is_new] = fresh.emplace(known.key, known.admission);
    if (!is_new && known.admission == Admission::revoked) place->second = Admission::revoked;
  }
  keys_.with([&](auto& kept) { kept.swap(fresh); });
}

Admission KnownKeys::admission(Door door, const CurvePublicKey& key) const {
  const Admission known = keys_.with([&](const auto& kept) {
    const auto found = kept.find(key);
    return found == kept.end() ? Admission::unknown : found->second;
  });
  // Anybody may try to enrol, a node that is in may ask again, one that was thrown out may not.
  if (door == Door::enrol && known != Admission::revoked) return Admission::admit;
  return known;
}

}  // namespace holdfast
