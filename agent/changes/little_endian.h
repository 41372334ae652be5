#pragma once
// Integers of the WAL where speed counts: one load each. The caller knows that there are enough bytes.
#include <bit>
#include <cstdint>
#include <cstring>

namespace holdfast {

template <class T>
T load_le(const std::uint8_t* from) {
  static_assert(std::endian::native == std::endian::little);
  T value{};
  std::memcpy(&value, from, sizeof value);
  return value;
}

}  // namespace holdfast
