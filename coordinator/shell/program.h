#pragma once
// The parts of a running coordinator, put together.
#include <string>

#include "coordinator/shell/config.h"
#include "shared/os/stop.h"

namespace holdfast {

struct ProgramOptions {
  std::string state_directory;
  CoordinatorConfig config;
  std::string version;
};

// Runs until `stop`. Code::conflict: another coordinator has the state directory, the catalog or a port.
Result<> run_coordinator(const ProgramOptions& options, const StopToken& stop, const Logger& log);

}  // namespace holdfast
