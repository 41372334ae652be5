#pragma once
// The agent's own settings: what no coordinator can know. Everything has a default; an agent with a token needs no
// file.
#include <string>
#include <vector>

#include "agent/postgres/server_manager.h"
#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/log/log.h"

namespace holdfast {

struct DiscoverySettings {
  std::vector<std::string> within;        // discovery.within: only what lies below these directories; empty: anywhere
  std::vector<std::string> exclude;       // discovery.exclude: path prefixes or globs never opened, listed as excluded
  std::vector<std::string> postgres;      // discovery.postgres: data directories to know even when stopped
  std::vector<std::string> sqlite_roots;  // discovery.sqlite_roots: where SQLite files are looked for; empty: nowhere
  Micros interval = std::chrono::seconds(30);  // discovery.interval
};

struct LogSettings {
  LogFormat format = LogFormat::text;  // log.format: text | json
  LogLevel level = LogLevel::info;     // log.level: debug | info | warning | error
};

struct PostgresSettings {
  std::string role;  // postgres.role: whom to connect as; empty: the data directory's owner
  // postgres.servers: for the shell, instead of what manages the server of that data directory.
  CommandsByDirectory commands;
  Micros stop_timeout = std::chrono::seconds(60);  // postgres.stop_timeout
};

struct VaultSettings {
  std::string bind = "0.0.0.0";  // vault.bind
  std::uint16_t port = 7410;     // vault.port
};

struct ServiceSettings {
  // service.ready_within: after that the service manager is told that the agent is up in any case, so that what is
  // ordered behind it, databases above all, does not wait longer.
  Micros ready_within = std::chrono::seconds(60);
};

struct AgentConfig {
  DiscoverySettings discovery;
  LogSettings log;
  PostgresSettings postgres;
  ServiceSettings service;
  VaultSettings vault;  // for when the fleet lets this node keep one
  std::string name;     // name: instead of the host's name
};

// Strict; Code::invalid names file, line and column.
Result<AgentConfig> parse_agent_config(std::string_view text, const std::string& source);

}  // namespace holdfast
