#include "agent/postgres/server_manager.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view white = " \t\r\n";
  const auto first = text.find_first_not_of(white);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white) - first + 1);
}

// "'it''s'" is "it's"; an unquoted value ends at white space or a comment.
std::string unquote(std::string_view value) {
  if (!value.starts_with('\'')) return std::string(value.substr(0, value.find_first_of(" \t#")));
  std::string out;
  for (std::size_t i = 1; i < value.size(); ++i) {
    const bool doubled = value[i] == '\'' && i + 1 < value.size() && value[i + 1] == '\'';
    const bool escaped = value[i] == '\\' && i + 1 < value.size();
    if (doubled || escaped) {
      ++i;
    } else if (value[i] == '\'') {
      break;
    }
    out += value[i];
  }
  return out;
}

// std::visit over lambdas.
template <class... Cases>
struct Match : Cases... {
  using Cases::operator()...;
};

}  // namespace

Result<ServerManager> choose_manager(const ServerFacts& facts) {
  if (facts.configured) return ServerManager(*facts.configured);
  if (!facts.moved) {
    if (facts.systemd_runs && !facts.unit.empty()) return ServerManager(SystemdUnit{facts.unit});
    if (facts.systemd_runs && facts.debian) {
      return ServerManager(
          SystemdUnit{fmt::format("postgresql@{}-{}.service", facts.debian->version, facts.debian->name)});
    }
    if (facts.debian && facts.has_pg_ctlcluster) return ServerManager(*facts.debian);
  }
  if (!facts.pg_ctl_candidates.empty()) return ServerManager(PgCtl{facts.pg_ctl_candidates.front()});
  return fail(Code::not_found, "there is no pg_ctl of the server's version on this host",
              "install the server's package, or give start and stop commands in the agent's configuration");
}

std::string describe(const ServerManager& manager) {
  return std::visit(Match{[](const ConfiguredCommands&) { return std::string("the configured commands"); },
                          [](const SystemdUnit& unit) { return "systemd unit " + unit.unit; },
                          [](const DebianCluster& cluster) {
                            return fmt::format("pg_ctlcluster {} {}", cluster.version, cluster.name);
                          },
                          [](const PgCtl& pg_ctl) { return pg_ctl.program; }},
                    manager);
}

std::string unit_of_cgroup(std::string_view cgroup_file) {
  while (!cgroup_file.empty()) {
    const auto line_end = std::min(cgroup_file.find('\n'), cgroup_file.size());
    const std::string_view line = cgroup_file.substr(0, line_end);
    cgroup_file.remove_prefix(std::min(line_end + 1, cgroup_file.size()));
    // The innermost service: a container's own name may stand around it.
    const auto end = line.rfind(".service");
    if (end == std::string_view::npos) continue;
    const auto slash = line.rfind('/', end);
    const std::string_view unit = line.substr(slash + 1, end + 8 - slash - 1);
    // A session or container manager owns the shell that a server was started from, not the server.
    const bool not_the_servers = unit.starts_with("user@") || unit.starts_with("docker") ||
                                 unit.starts_with("containerd") || unit.starts_with("ssh") ||
                                 unit.starts_with("cron") || unit.starts_with("holdfast");
    if (slash != std::string_view::npos && !not_the_servers) return std::string(unit);
  }
  return {};
}

std::optional<std::string> setting_in(std::string_view config, std::string_view name) {
  std::optional<std::string> value;
  while (!config.empty()) {
    const auto line_end = std::min(config.find('\n'), config.size());
    const std::string_view line = trim(config.substr(0, line_end));
    config.remove_prefix(std::min(line_end + 1, config.size()));
    if (line.size() <= name.size() || !line.starts_with(name)) continue;
    std::string_view rest = line.substr(name.size());
    if (rest[0] != ' ' && rest[0] != '\t' && rest[0] != '=') continue;
    rest = trim(rest);
    if (rest.starts_with('=')) rest = trim(rest.substr(1));
    value = unquote(rest);
  }
  return value;
}

std::string quote_for_shell(std::string_view text) {
  std::string quoted = "'";
  for (const char c : text) {
    if (c == '\'') {
      quoted += "'\\''";
    } else {
      quoted += c;
    }
  }
  return quoted + "'";
}

std::optional<std::vector<std::string>> start_command(const ServerManager& manager, const StartRequest& request) {
  using Arguments = std::optional<std::vector<std::string>>;
  const bool plain = request.options.empty();
  return std::visit(Match{[&](const ConfiguredCommands& commands) -> Arguments {
                            if (!plain) return std::nullopt;
                            return {{"/bin/sh", "-c", commands.start}};
                          },
                          [&](const SystemdUnit& unit) -> Arguments {
                            if (!plain) return std::nullopt;
                            return {{"systemctl", "start", unit.unit}};
                          },
                          [&](const DebianCluster& cluster) -> Arguments {
                            if (!plain) return std::nullopt;
                            return {{"pg_ctlcluster", cluster.version, cluster.name, "start"}};
                          },
                          [&](const PgCtl& pg_ctl) -> Arguments {
                            std::vector<std::string> arguments = {pg_ctl.program,
                                                                  "-D",
                                                                  request.data_directory,
                                                                  "-l",
                                                                  request.log_file,
                                                                  "-w",
                                                                  "-t",
                                                                  std::to_string(request.timeout_seconds)};
                            std::string options;
                            for (const auto& option : request.options)
                              options += fmt::format(" -c {}", quote_for_shell(option));
                            if (!plain) arguments.insert(arguments.end(), {"-o", options.substr(1)});
                            arguments.emplace_back("start");
                            return arguments;
                          }},
                    manager);
}

std::vector<std::string> stop_command(const ServerManager& manager, const std::string& data_directory,
                                      int timeout_seconds) {
  using Arguments = std::vector<std::string>;
  return std::visit(Match{[](const ConfiguredCommands& commands) -> Arguments {
                            return {"/bin/sh", "-c", commands.stop};
                          },
                          [](const SystemdUnit& unit) -> Arguments {
                            return {"systemctl", "stop", unit.unit};
                          },
                          [](const DebianCluster& cluster) -> Arguments {
                            return {"pg_ctlcluster", cluster.version, cluster.name, "stop", "-m", "fast"};
                          },
                          [&](const PgCtl& pg_ctl) -> Arguments {
                            return {pg_ctl.program, "-D", data_directory, "-m",
                                    "fast",         "-w", "-t",           std::to_string(timeout_seconds),
                                    "stop"};
                          }},
                    manager);
}

}  // namespace holdfast
