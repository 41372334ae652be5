#pragma once
// The words for kinds and states, the same in every program's output and messages.
#include <string>
#include <string_view>

#include "shared/fleet/fleet.h"

namespace holdfast {

std::string_view word(Engine engine);
std::string_view word(JobKind kind);
std::string_view word(JobState state);
std::string_view word(StepOutcome outcome);
std::string_view word(Role role);
// Where it is: "/backup", "s3://bucket/prefix at https://server".
std::string place_of(const StoreInfo& store);

// True for complete, failed, cancelled, lost: nothing follows.
bool is_final(JobState state);
// Of a node and no database.
bool is_departure(JobKind kind);

}  // namespace holdfast
