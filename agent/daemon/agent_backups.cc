// The agent's schedule at work: a run that is due is looked at here first, then asked for in the fleet, then begun.
#include <algorithm>

#include "agent/daemon/agent.h"

namespace holdfast {
namespace {

std::string_view origin_of(DueReason reason) {
  switch (reason) {
    case DueReason::first_backup:
      return "first backup";
    case DueReason::schedule:
      return "schedule";
    case DueReason::retry:
      return "retry";
    case DueReason::log_lost:
      return "log was lost";
  }
  return "schedule";
}

JobWork failing(Error error) {
  return [error = std::move(error)](JobReport&, const JobControl&) -> Result<> { return std::unexpected(error); };
}

}  // namespace

void Agent::start_due_backups() {
  const auto due = schedule_.due(assignment_, parts_.clock.now());
  slots_.keep_only([&](DatabaseId id) {
    return std::ranges::any_of(due, [id](const auto& one) { return one.database->database == id; });
  });
  for (const auto& one : due) {
    const DatabaseId id = one.database->database;
    if (std::string why = obstacle(one); !why.empty()) {
      slots_.forget(id);
      schedule_.hold(id, why);
      continue;
    }
    const SlotDesk::Answer slot = may_begin(one);
    if (slot.verdict == SlotDesk::Verdict::wait) {
      schedule_.hold(id, "it waited for its turn: " + slot.reason);
    } else {
      start_due_backup(one, slot);
    }
  }
  ask_for_slots();
  if (schedule_.take_news()) link_.report_now();
}

// Why it does not begin now, whatever the rest of the fleet does: it stays due, and is caught up once when it may.
std::string Agent::obstacle(const DueNow& due) const {
  const Assigned& database = *due.database;
  if (departure_ || assignment_.state == NodeState::draining) return "the node was draining";
  if (assignment_.state == NodeState::cordoned) return "the node was cordoned";
  if (runner_.busy_with(database.database, JobKind::backup)) return "the backup before it was still running";
  if (runner_.busy_with(database.database, JobKind::restore)) return "the database was being restored";
  const HostDatabase* host = on_host(database.key);
  if (host == nullptr) return "the database was not on its host";
  if (!host->found.running) return "the database did not run";
  if (!database.active && !host->found.standby) return "its server was promoted, and nobody said whose the backups are";
  return {};
}

SlotDesk::Answer Agent::may_begin(const DueNow& due) {
  if (!is_limited_beyond_node(due.database->policy)) return {SlotDesk::Verdict::granted, {}};
  // A slot that waits here for another backup to end would be kept from others.
  if (!runner_.has_room_for_backup()) {
    slots_.forget(due.database->database);
    return {SlotDesk::Verdict::wait, "another backup ran on the node"};
  }
  return slots_.may_begin(due.database->database, due.since, parts_.clock.monotonic());
}

void Agent::start_due_backup(const DueNow& due, const SlotDesk::Answer& slot) {
  const Assigned& database = *due.database;
  const Timestamp now = parts_.clock.now();
  const TakenRun run = schedule_.run_of(due);
  JobReport report;
  report.job.id = parts_.entropy.id<JobId>();
  report.job.kind = JobKind::backup;
  report.job.node = parts_.identity.node;
  report.job.database = database.database;
  report.job.origin = origin_of(due.reason);
  report.job.due_at = run.due_at;
  report.job.missed = run.missed;
  if (slot.verdict == SlotDesk::Verdict::alone) {
    report.job.steps.push_back({"slot", StepOutcome::skipped, Micros(0),
                                slot.reason + ": it began by the node's own limit, whatever runs in the fleet"});
    parts_.log.warning("a backup begins without a slot", {{"database", database.name}, {"cause", slot.reason}});
  }
  auto began = schedule_.began(database.database, due.type, now);
  auto task = backup_task(database);
  if (task) {
    task->asked = due.type;
    report.job.backup = task->backup;
  }
  auto started = !began ? began
                        : runner_.start(std::move(report),
                                        task ? backup_work(std::move(*task), backup_parts()) : failing(task.error()));
  slots_.forget(database.database);
  if (started) return schedule_.taken(database.database);
  schedule_.not_taken(database.database, now);
  parts_.log.error("a due backup could not be started", started.error(), {{"database", database.name}});
}

void Agent::ask_for_slots() {
  slots_.send_waiting(
      [this](const SlotRequest& request) -> std::optional<std::uint64_t> {
        auto message = link_.ask(request);
        if (!message) return std::nullopt;
        connection_.send({*message});
        return message->id;
      },
      parts_.clock.monotonic());
}

}  // namespace holdfast
