#pragma once
// What a running agent says of itself, for whoever asks while it runs: `holdfast-agent status`.
#include <optional>
#include <string>
#include <vector>

#include "agent/health/checks.h"
#include "agent/health/health_judge.h"
#include "shared/os/file_system.h"

namespace holdfast {

struct CheckedHealth {
  DatabaseId database;  // null: the agent itself
  HealthCheck check = HealthCheck::server;
  Health health = Health::unknown;
  std::uint32_t failures = 0;  // in a row
  std::string cause;
  friend bool operator==(const CheckedHealth&, const CheckedHealth&) = default;
};

struct HealthWord {
  std::vector<std::string> missing;  // empty: ready
  std::vector<CheckedHealth> checks;
  friend bool operator==(const HealthWord&, const HealthWord&) = default;
};

// Lines; control characters in texts become spaces.
std::string format_health(const HealthWord& word);
// Code::corrupt for anything that format_health() does not write.
Result<HealthWord> parse_health(std::string_view text);

// `directory`: the agent's state.
Result<> write_health(FileSystem& files, const std::string& directory, const HealthWord& word);
// nullopt: no agent has said anything there.
Result<std::optional<HealthWord>> read_health(FileSystem& files, const std::string& directory);
Result<> remove_health(FileSystem& files, const std::string& directory);

}  // namespace holdfast
