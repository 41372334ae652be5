#pragma once
// Looks at the host for agent/startup/judgement. What is not there is no error here.
#include "agent/startup/facts.h"
#include "shared/os/clock.h"

namespace holdfast {

struct StartupPlaces {
  std::string directory;           // of the state
  std::string configuration_file;  // empty: none
  std::string token_file;          // empty: none
};

// Changes nothing. Without `configuration` and `built`, which the caller knows.
StartupFacts gather_startup_facts(FileSystem& files, const Clock& clock, const StartupPlaces& places);

// Makes the directory and makes it private, then writes, syncs and removes a file in it: what an agent will do all the
// time. Code::unavailable says which of them does not work.
Result<> make_usable(FileSystem& files, const std::string& directory);

}  // namespace holdfast
