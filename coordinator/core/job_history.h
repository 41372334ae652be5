#pragma once
// How long ended jobs and restores are remembered. The stores are what counts; this is what operators look back at.
#include "coordinator/core/state.h"

namespace holdfast {

constexpr std::chrono::hours job_history{24 * 90};          // since a job or a restore ended
constexpr std::size_t ended_jobs_kept_per_database = 1000;  // the newest; jobs of no database: for each node

// Ended jobs that may be forgotten, of those older than `job_history` and of those behind the newest ones. Never: the
// newest backup and the newest complete backup of each database, what an order is still about, and the jobs of a
// restore that runs or may be rolled back or finalized.
std::vector<JobId> forgettable_jobs(const CoreState& state, Timestamp now);
// Ended restores older than `job_history` with nothing left to roll back or to finalize.
std::vector<RestoreId> forgettable_restores(const CoreState& state, Timestamp now);

// Every hour, with the ticks.
void watch_job_history(Turn& turn);

}  // namespace holdfast
