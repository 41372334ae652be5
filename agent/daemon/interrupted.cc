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

}  // namespace

Result<> end_interrupted_jobs(AgentState& state, const CommandsByDirectory& commands, Clock& clock, const Logger& log,
                              const FindBackup& find_backup) {
  for (auto& report : TRY(state.unfinished())) {
    const auto backup =
        report.job.kind == JobKind::backup ? backup_was_finished(report, clock, find_backup) : Result<bool>(false);
    if (backup.value_or(false) || was_finished(report, state, clock)) {
      log.warning("a job was done before the crash", {{"job", report.job.id}});
      TRY(state.save_report(std::move(report)));
      continue;
    }
    Error cause = cause_of(report, state, commands, clock, log);
    if (!backup) {
      cause.message =
          fmt::format("the agent stopped unexpectedly while the backup ran; whether it was done cannot be said: {}",
                      backup.error().message);
    }
    report.job.state = JobState::failed;
    report.job.finished_at = clock.now();
    report.job.error = cause.message;
    report.job.hint = cause.hint;
    report.job.code = cause.code;
    if (report.backup) {
      report.backup->state = BackupState::failed;
      report.backup->error = cause.message;
      report.backup->finished_at = report.job.finished_at;
    }
    if (report.target) {
      report.target->state = "failed";
      report.target->error = cause.message;
      report.target->hint = cause.hint;
      report.target->code = cause.code;
    }
    log.warning("a job was cut off", {{"job", report.job.id}, {"cause", cause.message}});
    TRY(state.save_report(std::move(report)));
  }
  return {};
}

}  // namespace holdfast
