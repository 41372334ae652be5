#pragma once
// Whether our own clock may decide what goes for good. Backups that are too old by it cannot be brought back when it
// turns out to have jumped.
#include <optional>
#include <string>

#include "coordinator/core/state.h"

namespace holdfast {

struct ClockDoubt {
  std::string sentence;
  enum class Cause : std::uint8_t { nobody_to_ask, nodes_disagree } cause = Cause::nobody_to_ask;
};

// nullopt: nodes were heard lately, and most of them do not say that our clock is more than an hour ahead. A fleet
// without nodes has nobody who could tell. A clock that is behind removes too little, which can be made up for.
std::optional<ClockDoubt> doubt_clock(const CoreState& state, Timestamp now);

}  // namespace holdfast
