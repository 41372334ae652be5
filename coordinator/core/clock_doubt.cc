#include "coordinator/core/clock_doubt.h"

#include <fmt/format.h>

namespace holdfast {
namespace {

constexpr std::chrono::minutes lately{15};
constexpr std::int64_t trusted_offset_ms = 3'600'000;

}  // namespace

std::optional<ClockDoubt> doubt_clock(const CoreState& state, Timestamp now) {
  std::size_t asked = 0;
  std::size_t behind_us = 0;
  std::int64_t furthest_ms = 0;
  for (const auto& [id, session] : state.sessions) {
    // The first thing that a jump does to us is to make everybody seem silent.
    if (session.heard_at > now || now - session.heard_at > lately) continue;
    const auto node = state.nodes.find(id);
    if (node == state.nodes.end()) continue;
    ++asked;
    if (node->second.clock_offset_ms >= -trusted_offset_ms) continue;
    ++behind_us;
    furthest_ms = std::max(furthest_ms, -node->second.clock_offset_ms);
  }
  if (asked == 0) {
    if (state.nodes.empty()) return std::nullopt;
    return ClockDoubt{"no node was heard lately that could tell whether the coordinator's clock is right",
                      ClockDoubt::Cause::nobody_to_ask};
  }
  if (behind_us * 2 <= asked) return std::nullopt;
  return ClockDoubt{fmt::format("the coordinator's clock is ahead of {} of {} nodes, by up to {} s", behind_us, asked,
                                furthest_ms / 1000),
                    ClockDoubt::Cause::nodes_disagree};
}

}  // namespace holdfast
