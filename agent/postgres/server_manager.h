#pragma once
// Who starts and stops a cluster on this host: a decision about facts, and the commands that follow from it. Pure; the
// facts are gathered and the commands run by server_control.
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "shared/base/result.h"

namespace holdfast {

// Given in the configuration: run by /bin/sh as ourselves.
struct ConfiguredCommands {
  std::string start;
  std::string stop;
  friend bool operator==(const ConfiguredCommands&, const ConfiguredCommands&) = default;
};
// By data directory: a command says nothing of which cluster it is about, so each is for one directory only.
using CommandsByDirectory = std::map<std::string, ConfiguredCommands>;

struct SystemdUnit {
  std::string unit;
  friend bool operator==(const SystemdUnit&, const SystemdUnit&) = default;
};
// A cluster of Debian's postgresql-common.
struct DebianCluster {
  std::string version;  // "15"
  std::string name;     // "main"
  friend bool operator==(const DebianCluster&, const DebianCluster&) = default;
};
struct PgCtl {
  std::string program;  // full path
  friend bool operator==(const PgCtl&, const PgCtl&) = default;
};
using ServerManager = std::variant<ConfiguredCommands, SystemdUnit, DebianCluster, PgCtl>;

struct ServerFacts {
  std::optional<ConfiguredCommands> configured = {};
  bool systemd_runs = false;
  std::string unit = {};                     // that the running server belongs to; empty: none
  std::optional<DebianCluster> debian = {};  // that the data directory belongs to
  bool has_pg_ctlcluster = false;
  std::vector<std::string> pg_ctl_candidates = {};  // existing programs, best first
  bool moved = false;                               // started with options of ours, which no manager would pass on
};
// Code::not_found: nobody can.
Result<ServerManager> choose_manager(const ServerFacts& facts);
std::string describe(const ServerManager& manager);  // "systemd unit postgresql@15-main.service"

// The service in a line of /proc/PID/cgroup: "0::/system.slice/postgresql.service". Empty: none.
std::string unit_of_cgroup(std::string_view cgroup_file);
// The value of a setting in a postgresql.conf: the last line that sets it, unquoted. nullopt: not set.
std::optional<std::string> setting_in(std::string_view config, std::string_view name);

struct StartRequest {
  std::string data_directory;
  std::string log_file;
  std::vector<std::string> options;  // settings, "port=5433": given to the server as -c
  int timeout_seconds = 60;
};
// nullopt: the manager cannot do it (options only reach the server through pg_ctl).
std::optional<std::vector<std::string>> start_command(const ServerManager& manager, const StartRequest& request);
std::vector<std::string> stop_command(const ServerManager& manager, const std::string& data_directory,
                                      int timeout_seconds);
// For the shell that pg_ctl hands its options to.
std::string quote_for_shell(std::string_view text);

}  // namespace holdfast
