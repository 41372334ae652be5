#pragma once
#include <string>

#include "shared/base/result.h"

namespace holdfast {

// What `holdfast-agent status` prints: who the node is, whether an agent runs on this state directory, what it
// protects, how far its WAL is safe, how its last jobs ended. Reads the state only; works while the agent runs and when
// it does not.
Result<std::string> agent_status(const std::string& state_directory);

}  // namespace holdfast
