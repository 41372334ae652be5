#pragma once
#include "shared/base/entropy.h"

namespace holdfast {

// getrandom(2). Safe from many threads; a kernel that has none to give is fatal.
class SystemEntropy final : public Entropy {
 public:
  void fill(std::span<std::uint8_t> bytes) override;
};

}  // namespace holdfast
