#pragma once
// What is durable of a database, as the pure planning functions want it.
#include "coordinator/core/restore_plan.h"
#include "coordinator/core/state.h"

namespace holdfast {

DatabaseHistory history_of(const CoreState& state, const Database& database);
std::vector<EpochMoment> epoch_moments(const CoreState& state, DatabaseId database);

}  // namespace holdfast
