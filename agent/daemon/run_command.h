#pragma once
#include <string>

#include "shared/base/result.h"

namespace holdfast {

struct RunOptions {
  std::string state_directory;
  std::string config_file;  // empty: defaults
  std::string token;        // empty: enrolled before, or in token_file
  std::string token_file;
};

// `holdfast-agent run`: enrols when this node is not in yet, then works until SIGTERM or SIGINT. Code::invalid: a bad
// configuration or token; Code::denied: the coordinator refused the token; Code::conflict: another agent runs on the
// same state.
Result<> run_agent(RunOptions options);

}  // namespace holdfast
