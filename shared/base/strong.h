#pragma once
// A number that means one thing: explicit, ordered, hashable, formattable. Two Strongs of different tags do not mix.
#include <fmt/format.h>

#include <compare>
#include <functional>

namespace holdfast {

template <class T, class Tag>
class Strong {
 public:
  using value_type = T;
  constexpr Strong() = default;
  constexpr explicit Strong(T value) : value_(value) {}
  constexpr T value() const { return value_; }
  friend constexpr auto operator<=>(const Strong&, const Strong&) = default;

 private:
  T value_{};
};

struct ByteCountTag {};
// A size or amount in bytes.
using ByteCount = Strong<std::uint64_t, ByteCountTag>;

constexpr ByteCount operator+(ByteCount a, ByteCount b) {
  return ByteCount(a.value() + b.value());
}
constexpr ByteCount& operator+=(ByteCount& a, ByteCount b) {
  return a = a + b;
}

}  // namespace holdfast

template <class T, class Tag>
struct std::hash<holdfast::Strong<T, Tag>> {
  std::size_t operator()(const holdfast::Strong<T, Tag>& s) const { return std::hash<T>{}(s.value()); }
};

template <class T, class Tag>
struct fmt::formatter<holdfast::Strong<T, Tag>> : fmt::formatter<T> {
  template <class Context>
  auto format(const holdfast::Strong<T, Tag>& s, Context& context) const {
    return fmt::formatter<T>::format(s.value(), context);
  }
};
