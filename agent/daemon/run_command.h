#pragma once
#include <string>

#include "shared/base/exit_code.h"

namespace holdfast {

struct RunOptions {
  std::string state_directory;
  std::string config_file;  // empty: defaults
  std::string token;        // empty: enrolled before, or in token_file
  std::string token_file;
};

// `holdfast-agent run`: enrols when this node is not in yet, then works until SIGTERM or SIGINT, or until its node is
// shut down. What is wrong on this host is told all at once, before anything is made or anybody is spoken to
// (agent/startup). done_in_part: of a database that it was to see to, not everything is accounted for. Code::invalid: a
// bad configuration or token; Code::denied: the coordinator refused the token; Code::conflict: another agent runs on
// the same state.
Result<ExitCode> run_agent(RunOptions options);

}  // namespace holdfast
