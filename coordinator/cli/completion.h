#pragma once
// Scripts that complete commands in a shell, made from the grammar. Names of things are asked of `holdfast ... -o
// name`.
#include <string>
#include <vector>

#include "coordinator/cli/grammar.h"

namespace holdfast {

std::string bash_completion(const std::vector<CommandShape>& commands);
std::string zsh_completion(const std::vector<CommandShape>& commands);
std::string fish_completion(const std::vector<CommandShape>& commands);

}  // namespace holdfast
