// holdfast-agent: parse, build the parts, run.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <fstream>
#include <iostream>

#include "agent/daemon/run_command.h"
#include "agent/daemon/status_command.h"
#include "agent/restore/command.h"
#include "shared/base/exit_code.h"

namespace {

using holdfast::ExitCode;

int report(const holdfast::Error& error) {
  std::cerr << "error: " << error.message << "\n";
  if (!error.hint.empty()) std::cerr << "hint: " << error.hint << "\n";
  return static_cast<int>(holdfast::exit_code_of(error.code));
}

int run(holdfast::RunOptions options) {
  if (const char* token = std::getenv("HOLDFAST_TOKEN"); token != nullptr && options.token.empty())
    options.token = token;
  ::unsetenv("HOLDFAST_TOKEN");
  const auto outcome = holdfast::run_agent(std::move(options));
  return outcome ? static_cast<int>(*outcome) : report(outcome.error());
}

int print_status(const std::string& state_directory) {
  const auto status = holdfast::agent_status(state_directory);
  if (!status) return report(status.error());
  std::cout << *status;
  return static_cast<int>(ExitCode::done);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("holdfast-agent: backs up the databases of this host");
  app.set_version_flag("--version", HOLDFAST_VERSION);
  app.require_subcommand(1);

  holdfast::RunOptions options;
  auto* run_command = app.add_subcommand("run", "enrol once, then protect this host's databases");
  run_command->add_option("--state", options.state_directory, "directory of the agent's keys and state")->required();
  run_command->add_option("--config", options.config_file, "YAML settings; without it, defaults");
  auto* token =
      run_command->add_option("--token", options.token, "enrolment token (better: HOLDFAST_TOKEN or --token-file)");
  run_command->add_option("--token-file", options.token_file, "file that holds the token")->excludes(token);

  std::string state_directory;
  auto* status_command = app.add_subcommand("status", "what this agent protects and how its last jobs ended");
  status_command->add_option("--state", state_directory, "the agent's state directory")->required();

  holdfast::WalGetOptions wal_get;
  auto* wal_get_command = app.add_subcommand("wal-get", "restore_command of a restore: fetch one WAL file");
  wal_get_command->add_option("--socket", wal_get.socket, "socket of the restore that serves it")->required();
  wal_get_command->add_option("file", wal_get.file, "%f")->required();
  wal_get_command->add_option("destination", wal_get.destination, "%p")->required();

  holdfast::BreakGlassCommand restore;
  auto* restore_command = app.add_subcommand("restore", "break glass: restore from a store and the recovery key alone");
  holdfast::add_restore_options(*restore_command, restore);

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& problem) {
    const int code = app.exit(problem);
    return code == 0 ? 0 : static_cast<int>(ExitCode::usage);
  }
  if (*run_command) return run(std::move(options));
  if (*status_command) return print_status(state_directory);
  if (*wal_get_command) return holdfast::wal_get_main(wal_get);
  return holdfast::run_restore_command(restore);
}
