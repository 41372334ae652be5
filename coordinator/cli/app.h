#pragma once
// The whole program below main: arguments in, exit code out.
#include <string>
#include <vector>

#include "coordinator/cli/session.h"

namespace holdfast {

// Puts every noun and the common options into it; what the options say lands in `globals`.
void build_grammar(Grammar& grammar, Globals& globals);

int run_cli(std::vector<std::string> arguments, Surroundings& surroundings);

}  // namespace holdfast
