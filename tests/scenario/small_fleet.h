#pragma once
// A fleet with a store and one token, and the questions that scenarios ask it again and again.
#include <string>
#include <vector>

#include "shared/base/time.h"
#include "tests/harness/fleet.h"

namespace holdfast {

class SmallFleet {
 public:
  // The coordinator runs, the store "local" is there.
  SmallFleet();

  Fleet* operator->() { return &fleet_; }
  Fleet& fleet() { return fleet_; }

  // An agent that looks at these directories, started with the fleet's token (label fleet=demo).
  void add_host(const std::string& name, const std::vector<std::string>& within);
  // The only database's name, once there is a complete backup of it; empty when none came.
  std::string protected_database();
  // "items" of `noun list`, of these databases.
  nlohmann::json list(const std::string& noun, const std::vector<std::string>& arguments = {}) const;
  nlohmann::json node(const std::string& name) const;  // null: not known
  // Until everything that was committed before this moment can be restored.
  bool covered(const std::string& database, Timestamp moment) const;
  // `restore run` with --yes, the recovery key and -o json.
  CliResult restore(std::vector<std::string> arguments) const;

 private:
  Fleet fleet_;
  std::string token_;
};

std::string read_file(const std::string& path);
void write_file(const std::string& path, const std::string& content);
// Every path below `directory`, relative to it, in order; what it is and what it holds are part of each line.
std::vector<std::string> everything_in(const std::string& directory);

}  // namespace holdfast
