#pragma once
#include <string>
#include <vector>

#include "shared/fleet/fleet.h"

namespace holdfast {

// A node's facts in the order in which the enrolment's transcript covers them: both sides hash exactly these, so a
// change here is a change of the protocol.
std::vector<std::string> facts_texts(const NodeFacts& facts);

}  // namespace holdfast
