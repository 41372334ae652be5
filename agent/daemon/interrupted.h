#pragma once
// After a crash: what the journal says was under way and nobody is doing any more.
#include "agent/state/state.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"

namespace holdfast {

// Ends every unfinished job as failed with its cause. A restore that was cut off is undone first: the old directory
// goes back to its place; one that was overwritten in part stays down, marked. Call before any job starts.
Result<> end_interrupted_jobs(AgentState& state, Clock& clock, const Logger& log);

}  // namespace holdfast
