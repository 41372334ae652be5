#pragma once
// 128-bit names of things: random, fixed width in keys, 32 lower-case hex digits as text.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstring>

#include "shared/base/bytes.h"

namespace holdfast {

template <class Tag>
class Id {
 public:
  static constexpr std::size_t size = 16;
  constexpr Id() = default;  // the null id: "none"
  explicit Id(std::array<std::uint8_t, size> bytes) : bytes_(bytes) {}

  // Exactly 16 bytes (Code::invalid otherwise).
  static Result<Id> from_bytes(ByteView bytes) {
    if (bytes.size() != size) return fail(Code::invalid, "an id has 16 bytes");
    Id id;
    std::copy(bytes.begin(), bytes.end(), id.bytes_.begin());
    return id;
  }
  static Result<Id> parse(std::string_view text) {
    const Bytes bytes = TRY(from_hex(text));
    return from_bytes(bytes);
  }

  bool is_null() const { return *this == Id{}; }
  ByteView bytes() const { return bytes_; }
  std::string text() const { return to_hex(bytes_); }
  friend auto operator<=>(const Id&, const Id&) = default;

 private:
  std::array<std::uint8_t, size> bytes_{};
};

using FleetId = Id<struct FleetIdTag>;
using NodeId = Id<struct NodeIdTag>;
using DatabaseId = Id<struct DatabaseIdTag>;
using BackupId = Id<struct BackupIdTag>;
using EpochId = Id<struct EpochIdTag>;  // one data key of one database on one node
using JobId = Id<struct JobIdTag>;
using TokenId = Id<struct TokenIdTag>;
using StoreId = Id<struct StoreIdTag>;
using RestoreId = Id<struct RestoreIdTag>;
using OperatorId = Id<struct OperatorIdTag>;

}  // namespace holdfast

template <class Tag>
struct std::hash<holdfast::Id<Tag>> {
  std::size_t operator()(const holdfast::Id<Tag>& id) const {
    std::size_t value = 0;
    std::memcpy(&value, id.bytes().data(), sizeof value);
    return value;
  }
};

template <class Tag>
struct fmt::formatter<holdfast::Id<Tag>> : fmt::formatter<std::string_view> {
  template <class Context>
  auto format(const holdfast::Id<Tag>& id, Context& context) const {
    return fmt::formatter<std::string_view>::format(id.text(), context);
  }
};
