#include "coordinator/core/job_history.h"

#include <algorithm>

namespace holdfast {
namespace {

constexpr std::chrono::hours look_every{1};

Timestamp end_of(const Job& job) {
  return job.finished_at.is_never() ? job.created_at : job.finished_at;
}

bool is_over(const Restore& restore) {
  const bool ended = restore.state != "planned" && restore.state != "running";
  return ended && std::all_of(restore.targets.begin(), restore.targets.end(), [](const RestoreTarget& target) {
           return target.aside.empty() && target.leftovers.empty();
         });
}

// Jobs that something else still leans on.
std::set<JobId> jobs_in_use(const CoreState& state) {
  std::set<JobId> used;
  for (const auto& [id, entry] : state.orders) {
    used.insert(id);
    if (const auto* cancel = std::get_if<CancelOrder>(&entry.order.body)) used.insert(cancel->job);
  }
  for (const auto& [id, row] : state.jobs) {
    const auto restore = state.restores.find(row.job.restore);
    if (restore != state.restores.end() && !is_over(restore->second)) used.insert(id);
  }
  return used;
}

// The ended jobs of one database, or of one node when they are of none, newest first.
using Ended = std::vector<const Job*>;
std::vector<Ended> ended_jobs(const CoreState& state) {
  std::map<std::pair<DatabaseId, NodeId>, Ended> groups;
  for (const auto& [id, row] : state.jobs) {
    const Job& job = row.job;
    if (!is_final(job.state)) continue;
    groups[{job.database, job.database.is_null() ? job.node : NodeId{}}].push_back(&job);
  }
  std::vector<Ended> lists;
  for (auto& [of, jobs] : groups) {
    std::sort(jobs.begin(), jobs.end(),
              [](const Job* a, const Job* b) { return std::pair(end_of(*b), b->id) < std::pair(end_of(*a), a->id); });
    lists.push_back(std::move(jobs));
  }
  return lists;
}

}  // namespace

std::vector<JobId> forgettable_jobs(const CoreState& state, Timestamp now) {
  const std::set<JobId> used = jobs_in_use(state);
  std::vector<JobId> out;
  for (const Ended& jobs : ended_jobs(state)) {
    bool newest_backup = true;
    bool newest_complete = true;
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      const Job& job = *jobs[i];
      bool stays = used.contains(job.id);
      if (job.kind == JobKind::backup) {
        const bool complete = job.state == JobState::complete;
        stays = stays || newest_backup || (complete && newest_complete);
        newest_backup = false;
        newest_complete = newest_complete && !complete;
      }
      if (!stays && (i >= ended_jobs_kept_per_database || now - end_of(job) > job_history)) out.push_back(job.id);
    }
  }
  return out;
}

std::vector<RestoreId> forgettable_restores(const CoreState& state, Timestamp now) {
  std::vector<RestoreId> out;
  for (const auto& [id, restore] : state.restores) {
    if (is_over(restore) && now - std::max(restore.finished_at, restore.created_at) > job_history) out.push_back(id);
  }
  return out;
}

void watch_job_history(Turn& turn) {
  CoreState& state = turn.state;
  if (turn.now - state.job_history_at < look_every) return;
  state.job_history_at = turn.now;
  for (const RestoreId id : forgettable_restores(state, turn.now)) turn.remove(Restore(state.restores.at(id)));
  for (const JobId id : forgettable_jobs(state, turn.now)) turn.remove(JobRow(state.jobs.at(id)));
}

}  // namespace holdfast
