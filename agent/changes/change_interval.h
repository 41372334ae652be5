#pragma once
// One file of the change log: its name and its bytes. Layout in FORMAT.md.
#include <compare>
#include <optional>
#include <string>
#include <string_view>

#include "agent/changes/change_map.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

// All positions of one timeline from `from` on, up to `to`, which is not in it.
struct ChangeInterval {
  Timeline timeline;
  Lsn from;
  Lsn to;
  friend auto operator<=>(const ChangeInterval&, const ChangeInterval&) = default;

  // first < end.
  bool touches(Lsn first, Lsn end) const { return from < end && first < to; }
  bool contains(const ChangeInterval& other) const {
    return timeline == other.timeline && from <= other.from && other.to <= to;
  }
};

// "00000001-000000A0F3000028-000000A0F4B00110": timeline, from, to in upper-case hex.
std::string interval_name(const ChangeInterval& interval);
// Strict: nullopt for what interval_name() does not write, or without a position in it.
std::optional<ChangeInterval> parse_interval_name(std::string_view name);

constexpr std::size_t interval_header_size = 40;

Bytes encode_interval(SystemId system, const ChangeInterval& interval, const ChangeMap& map);
// Code::corrupt unless it was written for this cluster and this interval and is whole.
Result<ChangeMap> decode_interval(ByteView bytes, SystemId system, const ChangeInterval& interval,
                                  ChangeMap::Limits limits);
// Which cluster it is of; from the first interval_header_size bytes at least.
Result<SystemId> interval_system(ByteView bytes);

}  // namespace holdfast
