#pragma once
// What an agent knows of its host before it begins: values only, so that judging them needs no host.
#include <optional>
#include <string>
#include <vector>

#include "shared/os/file_system.h"

namespace holdfast {

struct PathFacts {
  std::string path;
  FileInfo info;
};

struct StartupFacts {
  std::uint32_t user = 0;  // effective; 0 is root
  // Read, and not to be used: why.
  std::optional<Error> configuration;
  std::optional<PathFacts> configuration_file;  // nullopt: none was given, or it is not there
  std::optional<PathFacts> token_file;          // the same
  std::string directory;                        // of the state
  std::optional<PathFacts> directory_found;     // nullopt: it is not there yet
  std::vector<PathFacts> secrets;               // files below it that hold keys or passes, as far as they are there
  std::optional<Error> unreadable;              // something above could not be looked at
  // Of the file system that the directory is on, or will be; nullopt: not known.
  std::optional<Space> space;
  Timestamp now;
  Timestamp built;  // this program; never: not known
};

}  // namespace holdfast
