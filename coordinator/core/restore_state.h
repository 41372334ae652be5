#pragma once
// How a running restore follows its jobs.
#include "coordinator/core/state.h"

namespace holdfast {

// After a job of a restore (restore, rollback, finalize) changed; `reported` is what the agent said about its target.
void restore_job_changed(Turn& turn, const Job& job, const std::optional<RestoreTarget>& reported);
// From the states of its targets: running until every one has ended, then complete, partial, failed or rolled back.
std::string derive_restore_state(const std::vector<RestoreTarget>& targets);

}  // namespace holdfast
