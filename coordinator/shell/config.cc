#include "coordinator/shell/config.h"

#include <array>

#include "shared/config/document.h"

namespace holdfast {
namespace {

template <class Enum, std::size_t N>
Result<Enum> one_of(const Setting& setting, const std::array<std::pair<std::string_view, Enum>, N>& words,
                    std::string_view complaint) {
  const std::string text = TRY(setting.text());
  for (const auto& [word, value] : words) {
    if (word == text) return value;
  }
  return std::unexpected(setting.error(complaint));
}

Result<> read_log(Setting log, CoordinatorConfig& config) {
  constexpr std::array formats{std::pair{std::string_view("text"), LogFormat::text},
                               std::pair{std::string_view("json"), LogFormat::json}};
  constexpr std::array levels{
      std::pair{std::string_view("debug"), LogLevel::debug}, std::pair{std::string_view("info"), LogLevel::info},
      std::pair{std::string_view("warning"), LogLevel::warning}, std::pair{std::string_view("error"), LogLevel::error}};
  if (const Setting format = TRY(log.at("format")); format.is_present()) {
    config.log_format = TRY(one_of(format, formats, "is not text or json"));
  }
  if (const Setting level = TRY(log.at("level")); level.is_present()) {
    config.log_level = TRY(one_of(level, levels, "is not debug, info, warning or error"));
  }
  return {};
}

Result<> read_sweep(Setting sweep, CoordinatorConfig& config) {
  const auto read = [&sweep](std::string_view key, Micros& into) -> Result<> {
    const Setting setting = TRY(sweep.at(key));
    if (!setting.is_present()) return {};
    into = TRY(setting.duration());
    if (into < std::chrono::seconds(1)) return std::unexpected(setting.error("must be a second at least"));
    return {};
  };
  TRY(read("every", config.sweep_every));
  return read("grace", config.sweep_grace);
}

Result<> read_checkpoint(Setting checkpoint, CoordinatorConfig& config) {
  const Setting every = TRY(checkpoint.at("every"));
  if (!every.is_present()) return {};
  config.checkpoint_every = TRY(every.duration());
  if (config.checkpoint_every < std::chrono::seconds(1)) {
    return std::unexpected(every.error("must be a second at least"));
  }
  return {};
}

template <class Number>
Result<> read_number(Setting& root, std::string_view key, std::int64_t from, std::int64_t to, Number& into) {
  if (const Setting setting = TRY(root.at(key)); setting.is_present()) {
    into = static_cast<Number>(TRY(setting.integer(from, to)));
  }
  return {};
}

Result<> read_endpoints(Setting& root, std::string_view key, std::vector<std::string>& into) {
  const Setting setting = TRY(root.at(key));
  if (!setting.is_present()) return {};
  into = TRY(setting.texts());
  for (const auto& endpoint : into) {
    if (!endpoint.starts_with("tcp://") || endpoint.rfind(':') < 6) {
      return std::unexpected(setting.error("has an endpoint that is not like tcp://host:7400"));
    }
  }
  return {};
}

}  // namespace

Result<CoordinatorConfig> parse_config(std::string_view yaml, std::string source) {
  CoordinatorConfig config;
  Setting root = TRY(Setting::parse(yaml, std::move(source)));
  if (const Setting log = TRY(root.at("log")); log.is_present()) TRY(read_log(log, config));
  if (const Setting bind = TRY(root.at("bind")); bind.is_present()) config.bind = TRY(bind.text());
  TRY(read_number(root, "fleet_port", 0, 65535, config.fleet_port));
  TRY(read_number(root, "enrol_port", 0, 65535, config.enrol_port));
  TRY(read_endpoints(root, "fleet_endpoints", config.fleet_endpoints));
  TRY(read_endpoints(root, "enrol_endpoints", config.enrol_endpoints));
  TRY(read_number(root, "heartbeat_seconds", 1, 3600, config.heartbeat_seconds));
  TRY(read_number(root, "enrol_messages_per_minute", 1, 1'000'000, config.enrol_messages_per_minute));
  if (const Setting sweep = TRY(root.at("sweep")); sweep.is_present()) TRY(read_sweep(sweep, config));
  if (const Setting checkpoint = TRY(root.at("checkpoint")); checkpoint.is_present()) {
    TRY(read_checkpoint(checkpoint, config));
  }
  if (const Setting http = TRY(root.at("http")); http.is_present()) config.http = TRY(http.text());
  TRY(root.finish());
  return config;
}

}  // namespace holdfast
