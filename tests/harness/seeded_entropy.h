#pragma once
// Random bytes from a seed: the same again for the same seed. Not for keys of anybody.
#include <random>

#include "shared/base/entropy.h"

namespace holdfast {

class SeededEntropy final : public Entropy {
 public:
  explicit SeededEntropy(std::uint64_t seed) : engine_(seed) {}
  void fill(std::span<std::uint8_t> bytes) override {
    for (auto& byte : bytes) byte = static_cast<std::uint8_t>(engine_());
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace holdfast
