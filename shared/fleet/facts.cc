#include "shared/fleet/facts.h"

namespace holdfast {

std::vector<std::string> facts_texts(const NodeFacts& facts) {
  return {facts.hostname, facts.machine_id, facts.os, facts.architecture, facts.agent_version};
}

}  // namespace holdfast
