#pragma once
// Bytes in memory and their text forms.
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "shared/base/result.h"

namespace holdfast {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView as_bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view as_text(ByteView bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes to_bytes(ByteView view) {
  return {view.begin(), view.end()};
}
inline void append(Bytes& to, ByteView more) {
  to.insert(to.end(), more.begin(), more.end());
}

// Lower-case hex. from_hex refuses odd lengths, upper case and anything else (Code::invalid).
std::string to_hex(ByteView bytes);
Result<Bytes> from_hex(std::string_view text);

// RFC 4648 section 5 without padding; from_base64url is strict (no padding, no stray bits, no white space).
std::string to_base64url(ByteView bytes);
Result<Bytes> from_base64url(std::string_view text);

// Big-endian integers: ordered keys and file formats.
template <class T>
void append_be(Bytes& to, T value) {
  for (int shift = static_cast<int>(sizeof(T)) * 8 - 8; shift >= 0; shift -= 8) {
    to.push_back(static_cast<std::uint8_t>(value >> shift));
  }
}
template <class T>
T read_be(ByteView from) {  // from.size() >= sizeof(T)
  T value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>((value << 8) | from[i]);
  return value;
}
template <class T>
void append_le(Bytes& to, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) to.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
template <class T>
T read_le(ByteView from) {  // from.size() >= sizeof(T)
  T value = 0;
  for (std::size_t i = sizeof(T); i-- > 0;) value = static_cast<T>((value << 8) | from[i]);
  return value;
}

// Time does not depend on where the first difference is.
bool equal_constant_time(ByteView a, ByteView b);

}  // namespace holdfast
