#pragma once
// Jobs that bring one store what it lacks, and that look through what it has. Neither needs a key.
#include "agent/jobs/job_runner.h"
#include "agent/protection/store_access.h"

namespace holdfast {

// Objects that are damaged in the target and stand in the way are its findings; it fails then as Code::corrupt, and is
// ordered again when they are gone.
JobWork copy_work(CopyOrder order, StoreAccess& stores, const Enrolled& identity, Clock& clock);
// Fails as Code::corrupt with findings when something is damaged or missing.
JobWork scrub_work(ScrubOrder order, StoreAccess& stores, const Enrolled& identity, Clock& clock);

}  // namespace holdfast
