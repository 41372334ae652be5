#include "agent/daemon/interrupted.h"

#include <fmt/format.h>

#include "agent/jobs/restore_job.h"

namespace holdfast {
namespace {

Error cause_of(JobReport& report, AgentState& state, const CommandsByDirectory& commands, Clock& clock,
               const Logger& log) {
  if (report.job.kind == JobKind::backup) {
    return {Code::unavailable, "the agent stopped unexpectedly while the backup ran; nothing of it counts as a backup",
            "it is taken again by itself"};
  }
  if (is_departure(report.job.kind)) {
    return {Code::unavailable,
            report.job.steps.empty()
                ? "the agent stopped unexpectedly on its way out, while jobs were running"
                : fmt::format("the agent stopped unexpectedly on its way out, after the step \"{}\"",
                              report.job.receipts.empty() || report.job.receipts.back().steps.empty()
                                  ? report.job.steps.back().name
                                  : report.job.receipts.back().steps.back().name),
            "its receipts say how far each database came; what was not safe by then is shipped when its server runs"};
  }
  if (report.job.kind != JobKind::restore) {
    return {Code::unavailable, "the agent stopped unexpectedly while the job ran", "start it again"};
  }
  const auto steps = state.restore_steps(report.job.id);
  auto undone =
      steps ? undo_interrupted_restore(*steps, commands, clock) : Result<Interrupted>(std::unexpected(steps.error()));
  if (!undone) {
    log.error("a restore that was cut off could not be undone", undone.error(), {{"job", report.job.id}});
    return {undone.error().code,
            "the agent stopped unexpectedly while the restore ran, and undoing it failed: " + undone.error().message,
            "what was there before is beside it, under a name with \".holdfast-before-\""};
  }
  if (*undone == Interrupted::incomplete) {
    if (report.target) report.target->way_back = WayBack::none;
    return {
        Code::unavailable,
        "the agent stopped unexpectedly while the restore overwrote the directory, which is marked so that no server "
        "starts on it",
        "run the restore again by delta: it goes on from what is there"};
  }
  return {Code::unavailable,
          *undone == Interrupted::put_back
              ? "the agent stopped unexpectedly while the restore ran; what was there before is back in its place"
              : "the agent stopped unexpectedly while the restore ran; nothing had been touched",
          "run the restore again"};
}

// Before anything of a backup is called lost: with its record in a store it is a backup, whoever knows of it.
Result<bool> backup_was_finished(JobReport& report, Clock& clock, const FindBackup& find_backup) {
  auto found = TRY(find_backup(report.job));
  if (!found) return false;
  report.job.backup = found->id;
  report.job.state = JobState::complete;
  report.job.finished_at = clock.now();
  report.job.outcome = "the agent stopped unexpectedly after it was done";
  report.backup = std::move(*found);
  return true;
}

// The crash came between the end of the work and the word of it.
bool was_finished(JobReport& report, AgentState& state, Clock& clock) {
  if (report.job.kind != JobKind::restore || !report.target) return false;
  const auto steps = state.restore_steps(report.job.id);
  auto done = steps ? finished_restore(*steps, *report.target) : Result<std::optional<RestoreTarget>>();
  if (!done || !*done) return false;
  report.target = std::move(**done);
  report.job.state = JobState::complete;
  report.job.finished_at = clock.now();
  report.job.outcome = "the agent stopped unexpectedly after it was done";
  return true;
}

struct Surroundings {
  AgentState& state;
  const CommandsByDirectory& commands;
  Clock& clock;
  const Logger& log;
  const FindBackup& find_backup;
  WhenUnknown when_unknown;
};

void end_as_failed(JobReport& report, const Error& cause, Timestamp now) {
  report.job.state = JobState::failed;
  report.job.finished_at = now;
  report.job.error = cause.message;
  report.job.hint = cause.hint;
  report.job.code = cause.code;
  if (report.backup) {
    report.backup->state = BackupState::failed;
    report.backup->error = cause.message;
    report.backup->finished_at = now;
  }
  if (report.target) {
    report.target->state = "failed";
    report.target->error = cause.message;
    report.target->hint = cause.hint;
    report.target->code = cause.code;
  }
}

// False: it is left.
Result<bool> end_job(JobReport& report, const Surroundings& around) {
  const auto backup = report.job.kind == JobKind::backup ? backup_was_finished(report, around.clock, around.find_backup)
                                                         : Result<bool>(false);
  if (!backup && backup.error().code == Code::unavailable && around.when_unknown == WhenUnknown::leave) return false;
  if (backup.value_or(false) || was_finished(report, around.state, around.clock)) {
    around.log.warning("a job was done before the crash", {{"job", report.job.id}});
    TRY(around.state.save_report(report));
    return true;
  }
  Error cause = cause_of(report, around.state, around.commands, around.clock, around.log);
  if (!backup) {
    cause.message =
        fmt::format("the agent stopped unexpectedly while the backup ran; whether it was done cannot be said: {}",
                    backup.error().message);
  }
  end_as_failed(report, cause, around.clock.now());
  around.log.warning("a job was cut off", {{"job", report.job.id}, {"cause", cause.message}});
  TRY(around.state.save_report(report));
  return true;
}

Result<std::vector<JobReport>> end_jobs(std::vector<JobReport> reports, const Surroundings& around) {
  std::vector<JobReport> left;
  for (JobReport& report : reports) {
    if (!TRY(end_job(report, around))) left.push_back(std::move(report));
  }
  return left;
}

}  // namespace

Result<std::vector<JobReport>> end_interrupted_jobs(AgentState& state, const CommandsByDirectory& commands,
                                                    Clock& clock, const Logger& log, const FindBackup& find_backup,
                                                    WhenUnknown when_unknown) {
  return end_jobs(TRY(state.unfinished()), {state, commands, clock, log, find_backup, when_unknown});
}

Result<std::vector<JobReport>> end_left_backups(std::vector<JobReport> left, AgentState& state, Clock& clock,
                                                const Logger& log, const FindBackup& find_backup) {
  return end_jobs(std::move(left), {state, {}, clock, log, find_backup, WhenUnknown::leave});
}

}  // namespace holdfast
