#include "agent/daemon/config.h"

#include <fmt/format.h>

#include "shared/config/document.h"

namespace holdfast {
namespace {

Result<std::string> absolute_path(const Setting& setting) {
  std::string path = TRY(setting.text());
  if (path.empty() || path[0] != '/') {
    return std::unexpected(setting.error(fmt::format("must be an absolute path, found \"{}\"", path)));
  }
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

Result<std::vector<std::string>> absolute_paths(const Setting& setting) {
  std::vector<std::string> paths;
  for (const auto& item : TRY(setting.items())) paths.push_back(TRY(absolute_path(item)));
  return paths;
}

Result<> set_duration(const Setting& setting, Micros& value, Micros least) {
  if (!setting.is_present()) return {};
  value = TRY(setting.duration());
  if (value < least) return std::unexpected(setting.error(fmt::format("must be at least {}", to_text(least))));
  return {};
}

Result<DiscoverySettings> read_discovery(Setting root) {
  DiscoverySettings out;
  out.within = TRY(absolute_paths(TRY(root.at("within"))));
  out.exclude = TRY(TRY(root.at("exclude")).texts());
  out.postgres = TRY(absolute_paths(TRY(root.at("postgres"))));
  out.sqlite_roots = TRY(absolute_paths(TRY(root.at("sqlite_roots"))));
  TRY(set_duration(TRY(root.at("interval")), out.interval, std::chrono::seconds(1)));
  return out;
}

Result<LogSettings> read_log(Setting root) {
  LogSettings out;
  if (const Setting format = TRY(root.at("format")); format.is_present()) {
    const std::string text = TRY(format.text());
    if (text != "text" && text != "json") {
      return std::unexpected(format.error(fmt::format("must be text or json, found \"{}\"", text)));
    }
    out.format = text == "json" ? LogFormat::json : LogFormat::text;
  }
  if (const Setting level = TRY(root.at("level")); level.is_present()) {
    const std::string text = TRY(level.text());
    if (text == "debug") {
      out.level = LogLevel::debug;
    } else if (text == "info") {
      out.level = LogLevel::info;
    } else if (text == "warning") {
      out.level = LogLevel::warning;
    } else if (text == "error") {
      out.level = LogLevel::error;
    } else {
      return std::unexpected(level.error(fmt::format("must be debug, info, warning or error, found \"{}\"", text)));
    }
  }
  return out;
}

Result<> read_server(Setting server, CommandsByDirectory& into) {
  const Setting directory = TRY(server.at("data_directory"));
  const Setting start = TRY(server.at("start_command"));
  const Setting stop = TRY(server.at("stop_command"));
  if (!directory.is_present() || !start.is_present() || !stop.is_present()) {
    return std::unexpected(server.error("data_directory, start_command and stop_command are given together"));
  }
  std::string path = TRY(absolute_path(directory));
  ConfiguredCommands commands{TRY(start.text()), TRY(stop.text())};
  if (!into.emplace(std::move(path), std::move(commands)).second) {
    return std::unexpected(directory.error("this data directory has commands already"));
  }
  return {};
}

Result<PostgresSettings> read_postgres(Setting root) {
  PostgresSettings out;
  if (const Setting role = TRY(root.at("role")); role.is_present()) out.role = TRY(role.text());
  const Setting servers = TRY(root.at("servers"));
  for (auto& server : TRY(servers.items())) TRY(read_server(std::move(server), out.commands));
  // They were once for every cluster of the host, and stopped the wrong one.
  for (const char* old : {"start_command", "stop_command"}) {
    if (const Setting setting = TRY(root.at(old)); setting.is_present()) {
      return std::unexpected(
          setting.error(fmt::format("{} is for one data directory: write it below "
                                    "postgres.servers, beside its data_directory",
                                    old)));
    }
  }
  TRY(set_duration(TRY(root.at("stop_timeout")), out.stop_timeout, std::chrono::seconds(1)));
  return out;
}

Result<VaultSettings> read_vault(Setting root) {
  VaultSettings out;
  if (const Setting bind = TRY(root.at("bind")); bind.is_present()) out.bind = TRY(bind.text());
  if (const Setting port = TRY(root.at("port")); port.is_present()) {
    out.port = static_cast<std::uint16_t>(TRY(port.integer(1, 65535)));
  }
  return out;
}

}  // namespace

Result<AgentConfig> parse_agent_config(std::string_view text, const std::string& source) {
  Setting root = TRY(Setting::parse(text, source));
  AgentConfig out;
  if (const Setting name = TRY(root.at("name")); name.is_present()) out.name = TRY(name.text());
  out.discovery = TRY(read_discovery(TRY(root.at("discovery"))));
  out.log = TRY(read_log(TRY(root.at("log"))));
  out.postgres = TRY(read_postgres(TRY(root.at("postgres"))));
  Setting service = TRY(root.at("service"));
  TRY(set_duration(TRY(service.at("ready_within")), out.service.ready_within, std::chrono::seconds(1)));
  out.vault = TRY(read_vault(TRY(root.at("vault"))));
  TRY(root.finish());
  return out;
}

}  // namespace holdfast
