#pragma once
// The rules of retention put to what the coordinator knows: shown, or acted on.
#include "coordinator/core/retention.h"
#include "coordinator/core/state.h"

namespace holdfast {

// Decisions for every database of the list, and the budgets that cannot be kept to. What it reads of records is kept.
RetentionOutcome preview_retention(CoreState& state, const std::vector<DatabaseId>& databases, Timestamp now);
// Releases what they release, and asks for the log that no kept backup needs to go. What was done, as sentences.
std::vector<std::string> run_retention(Turn& turn, const std::vector<DatabaseId>& databases, const std::string& who);
// Runs it once an hour; repeats removals that were not confirmed.
void watch_retention(Turn& turn);

}  // namespace holdfast
