#pragma once
// Key material: zeroed when it goes, never formatted, never copied by accident.
#include <sodium.h>

#include <array>
#include <cstdint>
#include <span>

#include "shared/base/bytes.h"

namespace holdfast {

template <std::size_t N>
class Secret {
 public:
  static constexpr std::size_t size = N;
  Secret() = default;
  Secret(Secret&& other) noexcept : bytes_(other.bytes_) { sodium_memzero(other.bytes_.data(), N); }
  Secret& operator=(Secret&& other) noexcept {
    if (this != &other) {
      bytes_ = other.bytes_;
      sodium_memzero(other.bytes_.data(), N);
    }
    return *this;
  }
  Secret(const Secret&) = delete;
  Secret& operator=(const Secret&) = delete;
  ~Secret() { sodium_memzero(bytes_.data(), N); }

  // Code::invalid unless exactly N bytes.
  static Result<Secret> from_bytes(ByteView bytes) {
    if (bytes.size() != N) return fail(Code::invalid, "a key of the wrong length");
    Secret out;
    std::copy(bytes.begin(), bytes.end(), out.bytes_.begin());
    return out;
  }
  // A copy where one is really meant.
  Secret clone() const {
    Secret out;
    out.bytes_ = bytes_;
    return out;
  }
  ByteView bytes() const { return bytes_; }
  std::span<std::uint8_t, N> writable() { return bytes_; }

 private:
  std::array<std::uint8_t, N> bytes_{};
};

}  // namespace holdfast
