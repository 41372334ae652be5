// holdfast-coordinator: parse, build the parts, run.
#include <CLI/CLI.hpp>
#include <iostream>
#include <optional>

#include "coordinator/rebuild/command.h"
#include "coordinator/shell/program.h"
#include "shared/base/exit_code.h"
#include "shared/os/posix_file_system.h"

namespace {

using holdfast::ExitCode;

struct Arguments {
  std::string state;
  std::string config;
  std::optional<std::string> bind;
  std::optional<std::uint16_t> fleet_port;
  std::optional<std::uint16_t> enrol_port;
  std::optional<std::string> http;
};

int report(const holdfast::Error& error) {
  std::cerr << "error: " << error.message << "\n";
  if (!error.hint.empty()) std::cerr << "hint: " << error.hint << "\n";
  return static_cast<int>(holdfast::exit_code_of(error.code));
}

holdfast::Result<holdfast::CoordinatorConfig> read_config(const Arguments& arguments) {
  holdfast::CoordinatorConfig config;
  if (!arguments.config.empty()) {
    holdfast::PosixFileSystem files;
    auto text = files.read(arguments.config);
    if (!text) {
      // Whatever hinders it, it is an argument that does not do; "not found" is said of the fleet and its state.
      text.error().code = holdfast::Code::invalid;
      return std::unexpected(std::move(text).error().during("--config"));
    }
    config = TRY(holdfast::parse_config(holdfast::as_text(*text), arguments.config));
  }
  if (arguments.bind) config.bind = *arguments.bind;
  if (arguments.fleet_port) config.fleet_port = *arguments.fleet_port;
  if (arguments.enrol_port) config.enrol_port = *arguments.enrol_port;
  if (arguments.http) config.http = *arguments.http;
  return config;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("holdfast-coordinator: knows the fleet, decides, and keeps the catalog");
  app.set_version_flag("--version", "holdfast-coordinator " HOLDFAST_VERSION);
  Arguments arguments;
  app.require_subcommand(0, 1);
  const holdfast::CatalogCommands catalog(app);
  app.add_option("--state", arguments.state, "state directory, made by holdfast init (DIR/coordinator)");
  app.add_option("--config", arguments.config, "YAML settings; without it, defaults");
  app.add_option("--bind", arguments.bind, "address to listen on (default 0.0.0.0)");
  app.add_option("--fleet-port", arguments.fleet_port, "for enrolled nodes and operators (default 7400)");
  app.add_option("--enrol-port", arguments.enrol_port, "for new nodes (default 7401)");
  app.add_option("--http", arguments.http, "address of the HTTP API; this version does not serve it yet");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    const int code = app.exit(problem);
    return code == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }

  try {
    if (catalog.chosen()) return static_cast<int>(catalog.run());
  } catch (const std::exception& bug) {
    return report({holdfast::Code::internal, std::string("a fault of this program: ") + bug.what(), {}});
  }
  if (arguments.state.empty()) {
    std::cerr << "--state is required\nRun with --help for more information.\n";
    return static_cast<int>(ExitCode::usage);
  }

  const holdfast::StopToken stop;
  const holdfast::StopOnSignal on_signal(stop);
  auto config = read_config(arguments);
  if (!config) return report(config.error());
  const holdfast::Logger log(holdfast::make_stderr_sink(config->log_format, config->log_level));
  if (!config->http.empty()) log.warning("the HTTP API is not served by this version", {{"http", config->http}});
  try {
    const auto outcome = holdfast::run_coordinator({arguments.state, std::move(*config), HOLDFAST_VERSION}, stop, log);
    return outcome ? static_cast<int>(ExitCode::done) : report(outcome.error());
  } catch (const std::exception& bug) {
    log.error(std::string("a fault of this program: ") + bug.what());
    return static_cast<int>(ExitCode::failed);
  }
}
