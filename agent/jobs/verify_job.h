#pragma once
// Jobs that only read stores.
#include "agent/jobs/job_runner.h"
#include "agent/protection/store_access.h"
#include "agent/state/node_keys.h"
#include "shared/repository/epoch.h"

namespace holdfast {

// The data keys an operator granted to this node.
Result<KeyRing> open_grants(const std::vector<GrantedKey>& grants, const BoxKeyPair& own);

// Fails as Code::corrupt when something is damaged or missing; the outcome line counts what was looked at.
JobWork verify_work(VerifyOrder order, StoreAccess& stores, const Enrolled& identity, const NodeKeys& keys);

// Writes, reads and removes a probe.
JobWork store_check_work(StoreCheckOrder order, StoreAccess& stores);

}  // namespace holdfast
