#pragma once
// Whether an agent really protects what it is to protect. Pure.
#include <string>
#include <vector>

#include "agent/health/checks.h"

namespace holdfast {

struct ReadinessFacts {
  bool looked = false;                    // at its host, once
  std::vector<std::string> undecided;     // names of running databases that no assignment mentions yet
  std::vector<ProtectedFacts> databases;  // that this node is to protect
};

// What is missing; empty: ready. A database whose server does not run is waited for without being missed; one that
// runs is protected when its stores are open and its log is streamed from a position that is durable.
std::vector<std::string> judge_readiness(const ReadinessFacts& facts);

}  // namespace holdfast
