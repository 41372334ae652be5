#include "agent/daemon/status_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include "agent/health/health_file.h"
#include "agent/state/state.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

// The agent holds this lock as long as it lives, and not together with anybody; two who ask do not see each other.
bool agent_runs(const std::string& directory) {
  const UniqueFd fd(::open((directory + "/agent.lock").c_str(), O_RDWR | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_SH | LOCK_NB) != 0;
}

std::string_view duty_text(const Assigned& database) {
  if (!database.active && !takes_backups(database)) return "standby, only listed";
  if (!database.protect) return "unprotected";
  if (!database.active) return "protected: this node takes its backups";
  return takes_backups(database) ? "protected" : "protected: this node ships its WAL";
}

// What the running agent says of itself; of one that does not run nothing is true any more.
enum class AgentIs : std::uint8_t { running, ended };
Result<HealthWord> health_of(const std::string& directory, AgentIs agent) {
  const bool runs = agent == AgentIs::running;
  HealthWord word;
  word.missing = {runs ? "it has just begun" : "it does not run"};
  if (!runs) return word;
  PosixFileSystem files;
  if (auto said = TRY(read_health(files, directory))) return std::move(*said);
  return word;
}

std::string ready_text(const HealthWord& word) {
  std::string out = fmt::format("ready      {}\n", word.missing.empty() ? "yes" : "no");
  for (const auto& missing : word.missing) out += fmt::format("           {}\n", missing);
  return out;
}

std::string health_text(const HealthWord& word, DatabaseId of) {
  std::string out;
  for (const auto& check : word.checks) {
    if (check.database != of) continue;
    out += fmt::format("           {} {}{}\n", to_string(check.check), to_string(check.health),
                       check.failures == 0 ? "" : fmt::format(" ({} in a row): {}", check.failures, check.cause));
  }
  return out;
}

}  // namespace

Result<std::string> agent_status(const std::string& state_directory) {
  const auto state = TRY(AgentState::open_to_read(state_directory));
  const bool runs = agent_runs(state_directory);
  const HealthWord health = TRY(health_of(state_directory, runs ? AgentIs::running : AgentIs::ended));
  std::string out = fmt::format("agent      {}\n", runs ? "running" : "not running");
  out += health_text(health, DatabaseId()) + ready_text(health);
  const auto identity = TRY(state->identity());
  if (!identity) return out + "node       not enrolled\n";
  out += fmt::format("node       {} ({})\nfleet      {}\n", identity->name, identity->node, identity->fleet);
  if (const auto assignment = TRY(state->assignment())) {
    for (const auto& database : assignment->databases) {
      out += fmt::format("database   {} ({}), policy \"{}\", {}\n", database.name, database.key, database.policy.name,
                         duty_text(database));
      if (const auto wal = TRY(state->wal(database.database))) {
        out += fmt::format("           WAL durable through {}/{} ({})\n", wal->timeline, wal->durable,
                           to_rfc3339(wal->through_time));
      }
      out += health_text(health, database.database);
    }
  }
  for (const auto& report : TRY(state->newest_reports(10))) {
    out += fmt::format("job        {} {} {} {}\n", report.job.id, word(report.job.kind), word(report.job.state),
                       report.job.error);
  }
  return out;
}

}  // namespace holdfast
