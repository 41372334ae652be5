#pragma once
// What a store can do besides what every store can. Found out by trying, remembered by whoever keeps the store's
// settings; nothing depends on it for correctness.
#include <cstdint>

namespace holdfast {

enum class Ability : std::uint8_t { unknown, no, yes };

struct StoreAbilities {
  // A put is refused when the name is taken, whoever else writes at that moment. Some servers ignore the condition
  // silently, others refuse it always.
  Ability conditional_put = Ability::unknown;
  // An object can be kept from being removed until a time, whoever asks.
  Ability object_lock = Ability::unknown;
  friend bool operator==(const StoreAbilities&, const StoreAbilities&) = default;
};

}  // namespace holdfast
