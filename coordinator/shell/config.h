#pragma once
// The coordinator's settings: what --config says, with what the command line says on top.
#include <optional>
#include <string>
#include <vector>

#include "shared/base/time.h"
#include "shared/log/log.h"

namespace holdfast {

struct CoordinatorConfig {
  LogFormat log_format = LogFormat::text;
  LogLevel log_level = LogLevel::info;
  std::string bind = "0.0.0.0";
  std::uint16_t fleet_port = 7400;  // 0: any that is free
  std::uint16_t enrol_port = 7401;
  std::vector<std::string> fleet_endpoints;  // where agents and operators find us; empty: as set at init
  std::vector<std::string> enrol_endpoints;
  std::uint32_t heartbeat_seconds = 60;              // asked of agents
  std::uint32_t enrol_messages_per_minute = 120;     // of one address
  Micros sweep_every{std::chrono::hours(24)};        // through the stores, for what failed backups left behind
  Micros sweep_grace{std::chrono::hours(48)};        // for which that lies there at least before it goes
  Micros checkpoint_every{std::chrono::minutes(5)};  // into the stores, when something has changed
  std::string http;                                  // accepted; nothing is served there yet
};

// Strict YAML; Code::invalid with file:line:column.
Result<CoordinatorConfig> parse_config(std::string_view yaml, std::string source);

}  // namespace holdfast
