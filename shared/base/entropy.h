#pragma once
// Where random bytes come from: the system in programs, a seed in simulations. Same seam as the clock, same reason.
#include <array>
#include <span>

#include "shared/base/ids.h"

namespace holdfast {

class Entropy {
 public:
  virtual ~Entropy() = default;
  virtual void fill(std::span<std::uint8_t> bytes) = 0;

  template <std::size_t N>
  std::array<std::uint8_t, N> bytes() {
    std::array<std::uint8_t, N> out{};
    fill(out);
    return out;
  }
  template <class AnyId>
  AnyId id() {
    return AnyId(bytes<AnyId::size>());
  }
};

}  // namespace holdfast
