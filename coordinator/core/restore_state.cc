#include "coordinator/core/restore_state.h"

#include <algorithm>

namespace holdfast {
namespace {

void take_outcome(RestoreTarget& target, const RestoreTarget& reported) {
  if (reported.bytes != 0) target.bytes = reported.bytes;
  target.reached_lsn = reported.reached_lsn;
  target.reached_time = reported.reached_time;
  target.seconds = reported.seconds;
  if (!reported.aside.empty()) target.aside = reported.aside;
  target.way_back = reported.way_back;
  target.fetched_bytes = reported.fetched_bytes;
  if (!reported.leftovers.empty()) target.leftovers = reported.leftovers;
}

void take_state(RestoreTarget& target, const Job& job) {
  switch (job.state) {
    case JobState::queued:
      break;
    case JobState::running:
      target.state = "running";
      break;
    case JobState::complete:
      target.state = "complete";
      break;
    case JobState::failed:
    case JobState::cancelled:
    case JobState::lost:
      target.state = "failed";
      target.error = job.error.empty() ? std::string(word(job.state)) : job.error;
      target.hint = job.hint;
      target.code = job.code;
      break;
  }
  if (job.state == JobState::complete) target.error.clear();
}

void follow_job(RestoreTarget& target, const Job& job, const std::optional<RestoreTarget>& reported) {
  if (job.kind == JobKind::restore) {
    if (target.job != job.id) return;
    if (reported) take_outcome(target, *reported);
    take_state(target, job);
    return;
  }
  if (target.database != job.database || !is_final(job.state)) return;
  if (job.state == JobState::complete) {
    target.state = job.kind == JobKind::rollback ? "rolled back" : "finalized";
    target.aside.clear();
    target.leftovers.clear();
    target.error.clear();
  } else {
    target.error = job.error;
    target.hint = job.hint;
    target.code = job.code;
  }
}

bool has_ended(const std::string& state) {
  return state != "planned" && state != "running";
}

}  // namespace

std::string derive_restore_state(const std::vector<RestoreTarget>& targets) {
  const auto all = [&targets](auto&& fits) {
    return std::all_of(targets.begin(), targets.end(), [&](const RestoreTarget& target) { return fits(target.state); });
  };
  const auto good = [](const std::string& state) { return state == "complete" || state == "finalized"; };
  if (!all(has_ended)) return "running";
  if (all(good)) return "complete";
  if (all([](const std::string& state) { return state == "failed"; })) return "failed";
  if (all([](const std::string& state) { return state == "rolled back"; })) return "rolled back";
  return "partial";
}

void restore_job_changed(Turn& turn, const Job& job, const std::optional<RestoreTarget>& reported) {
  const auto found = turn.state.restores.find(job.restore);
  if (found == turn.state.restores.end()) return;
  Restore restore = found->second;
  for (RestoreTarget& target : restore.targets) follow_job(target, job, reported);
  restore.state = derive_restore_state(restore.targets);
  if (restore.state != "running" && restore.finished_at.is_never()) restore.finished_at = turn.now;
  if (restore != found->second) turn.put(restore);
}

}  // namespace holdfast
