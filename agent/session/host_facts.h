#pragma once
#include "shared/wire/messages.h"

namespace holdfast {

// What this host says of itself at enrolment and in each hello.
NodeFacts host_facts(const std::string& agent_version, const std::string& name_override);

}  // namespace holdfast
