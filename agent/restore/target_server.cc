#include "agent/restore/target_server.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "agent/postgres/server_control.h"
#include "agent/postgres/server_log.h"
#include "agent/restore/owned_files.h"
#include "shared/os/clock.h"

namespace holdfast {
namespace {

std::vector<std::string_view> lines_of(std::string_view content) {
  std::vector<std::string_view> lines;
  while (!content.empty()) {
    const auto end = content.find('\n');
    lines.push_back(content.substr(0, end));
    if (end == std::string_view::npos) break;
    content.remove_prefix(end + 1);
  }
  return lines;
}

Result<> run(const Command& command, std::string_view what) {
  const CommandOutcome outcome = TRY(run_command(command));
  if (outcome.exit_code == 0) return {};
  std::string said = outcome.output.substr(0, 500);
  std::replace(said.begin(), said.end(), '\n', ' ');
  return fail(Code::unavailable, fmt::format("{} failed ({}): {}", what, outcome.exit_code, said));
}

std::string shell_word(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

TargetServer pg_ctl_server(const PgCtlServer& settings, Clock& clock) {
  TargetServer server;
  server.stop = [settings]() -> Result<> {
    if (!running_postmaster(settings.data_directory)) return {};
    Command command;
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(settings.stop_timeout).count();
    command.arguments = {settings.programs + "/pg_ctl", "stop", "-m", "fast", "-w", "-t", std::to_string(seconds), "-D",
                         settings.data_directory};
    command.as_user = settings.owner;
    auto asked = run(command, fmt::format("stop of the server in \"{}\"", settings.data_directory));
    // It may have ended by itself in between.
    return running_postmaster(settings.data_directory) ? asked : Result<>();
  };
  const auto log = std::make_shared<std::optional<ServerLog>>();
  server.start = [settings, log, &clock]() -> Result<> {
    log->emplace(ServerLogPlaces{settings.data_directory, {settings.log_file}}, clock);
    TRY(make_owned_file(settings.log_file, settings.owner, 0600));
    // data_directory may be set in the configuration that was restored, and then points at the original.
    std::string options = "-c data_directory=" + shell_word(settings.data_directory);
    if (!settings.config_file.empty()) options += " -c config_file=" + shell_word(settings.config_file);
    Command command;
    command.arguments = {settings.programs + "/pg_ctl",
                         "start",
                         "-W",
                         "-D",
                         settings.data_directory,
                         "-l",
                         settings.log_file,
                         "-o",
                         options};
    command.as_user = settings.owner;
    command.timeout = std::chrono::minutes(2);
    return run(command, fmt::format("start of the server in \"{}\"", settings.data_directory));
  };
  server.log = [log] { return *log ? (*log)->said() : std::string(); };
  return server;
}

std::string fatal_reason(std::string_view log) {
  std::string reason;
  bool follows = false;
  for (const auto line : lines_of(log)) {
    const auto at = [line](std::string_view what) { return line.find(what); };
    auto found = std::min(at("FATAL:  "), at("PANIC:  "));
    if (found != std::string_view::npos) {
      reason = line.substr(found);
      follows = true;
      continue;
    }
    found = std::min(at("DETAIL:  "), at("HINT:  "));
    if (follows && found != std::string_view::npos) {
      reason += fmt::format("; {}", line.substr(found));
    } else {
      follows = false;
    }
  }
  return reason;
}

bool ended_before_target(std::string_view log) {
  return log.find("recovery ended before configured recovery target was reached") != std::string_view::npos;
}

}  // namespace holdfast
