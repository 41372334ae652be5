#include "agent/daemon/status_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include "agent/state/state.h"

namespace holdfast {
namespace {

// The agent holds this lock as long as it lives.
bool agent_runs(const std::string& directory) {
  const UniqueFd fd(::open((directory + "/agent.lock").c_str(), O_RDWR | O_CLOEXEC));
  return fd && ::flock(fd.get(), LOCK_EX | LOCK_NB) != 0;
}

std::string_view duty_text(const Assigned& database) {
  if (!database.active && !takes_backups(database)) return "standby, only listed";
  if (!database.protect) return "unprotected";
  if (!database.active) return "protected: this node takes its backups";
  return takes_backups(database) ? "protected" : "protected: this node ships its WAL";
}

}  // namespace

Result<std::string> agent_status(const std::string& state_directory) {
  const auto state = TRY(AgentState::open_to_read(state_directory));
  std::string out = fmt::format("agent      {}\n", agent_runs(state_directory) ? "running" : "not running");
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
    }
  }
  for (const auto& report : TRY(state->newest_reports(10))) {
    out += fmt::format("job        {} {} {} {}\n", report.job.id, word(report.job.kind), word(report.job.state),
                       report.job.error);
  }
  return out;
}

}  // namespace holdfast
