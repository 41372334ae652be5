#pragma once
// The words for kinds and states, the same in every program's output and messages.
#include <string_view>

#include "shared/fleet/fleet.h"

namespace holdfast {

std::string_view word(Engine engine);
std::string_view word(JobKind kind);
std::string_view word(JobState state);
std::string_view word(Role role);

// True for complete, failed, cancelled, lost: nothing follows.
bool is_final(JobState state);

}  // namespace holdfast
