#pragma once
// What operators see. Views carry no secrets and no records.
#include "coordinator/core/state.h"

namespace holdfast {

NodeView view_of(const CoreState& state, const Node& node);
DatabaseView view_of(const CoreState& state, const Database& database, Timestamp now);
// The one page: what is unprotected, behind, failing; alerts as sentences.
FleetStatus fleet_status(const CoreState& state, Timestamp now);

}  // namespace holdfast
