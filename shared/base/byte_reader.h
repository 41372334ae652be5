#pragma once
// Reads fields off the front of bytes. Running short is sticky: later reads give zero, and one look at finished() at
// the end says whether everything was there and nothing was left over.
#include <algorithm>

#include "shared/base/bytes.h"

namespace holdfast {

class ByteReader {
 public:
  explicit ByteReader(ByteView bytes) : rest_(bytes) {}

  ByteView take(std::size_t count) {
    if (count > rest_.size()) {
      fail_now();
      return {};
    }
    const ByteView out = rest_.first(count);
    rest_ = rest_.subspan(count);
    return out;
  }
  template <class T>
  T be() {
    const ByteView bytes = take(sizeof(T));
    return bytes.empty() ? T{} : read_be<T>(bytes);
  }
  template <std::size_t N>
  std::array<std::uint8_t, N> array() {
    std::array<std::uint8_t, N> out{};
    const ByteView bytes = take(N);
    std::copy(bytes.begin(), bytes.end(), out.begin());
    return out;
  }
  // Length (big-endian, of type Length), then that many bytes.
  template <class Length>
  ByteView counted() {
    const auto length = be<Length>();
    return take(length);
  }
  // LEB128, at most 64 bits, without needless bytes.
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const ByteView byte = take(1);
      if (byte.empty()) return 0;
      const std::uint64_t bits = byte[0] & 0x7fU;
      if ((shift == 63 && bits > 1) || (shift > 0 && byte[0] == 0)) break;
      value |= bits << shift;
      if ((byte[0] & 0x80U) == 0) return value;
    }
    fail_now();
    return 0;
  }

  void fail_now() {
    ok_ = false;
    rest_ = {};
  }
  bool ok() const { return ok_; }
  bool finished() const { return ok_ && rest_.empty(); }
  ByteView rest() const { return rest_; }

 private:
  ByteView rest_;
  bool ok_ = true;
};

inline void append_varint(Bytes& to, std::uint64_t value) {
  while (value >= 0x80) {
    to.push_back(static_cast<std::uint8_t>(value | 0x80U));
    value >>= 7U;
  }
  to.push_back(static_cast<std::uint8_t>(value));
}
// Small magnitudes of either sign become small numbers.
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

template <class Length>
void append_counted(Bytes& to, ByteView bytes) {
  append_be<Length>(to, static_cast<Length>(bytes.size()));
  append(to, bytes);
}

}  // namespace holdfast
