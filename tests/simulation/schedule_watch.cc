// What must hold: the fleet's limit while it runs, and the account of every run at the end.
#include <fmt/format.h>

#include <algorithm>

#include "coordinator/core/slots.h"
#include "shared/fleet/backup_runs.h"
#include "shared/fleet/words.h"
#include "tests/simulation/schedule_model.h"

namespace holdfast {

// What the coordinator could know of when it granted this one. What it could not know is excused from then on.
void ScheduleModel::watch_grant(std::size_t agent) {
  ++counts_.granted;
  leases_[agent] = now_ + slot_lease;
  if (!limited(agent)) return;
  std::uint32_t counted = 0;
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    const auto& running = agents_[i]->running();
    if (i == agent) {
      ++counted;
    } else if (running) {
      const JobId job = running->report.job.id;
      const bool known = heard_.contains(job) && now_ - last_heard_[i] < silent_backup_counts && !agents_[i]->revoked;
      if (!known) excused_.insert(job);
      if (known && !excused_.contains(job)) ++counted;
    } else if (const auto lease = leases_.find(i); lease != leases_.end() && now_ < lease->second) {
      if (!excused_agents_.contains(i) || excused_agents_.at(i) < now_) ++counted;
    }
  }
  if (counted > fleet_limit_) {
    violation(fmt::format("{} backups run or may begin, and the fleet's limit is {}", counted, fleet_limit_));
  }
}

void ScheduleModel::watch_beginning(std::size_t agent) {
  const ScheduleAgent::Running& begun = *agents_[agent]->running();
  if (begun.alone) ++counts_.alone;
  const auto excused = excused_agents_.find(agent);
  if (excused != excused_agents_.end() && now_ <= excused->second) excused_.insert(begun.report.job.id);
  std::uint32_t all = 0;
  std::uint32_t of_limited = 0;
  std::uint32_t allowed = 0;
  for (std::size_t i = 0; i < agents_.size(); ++i) {
    const auto& running = agents_[i]->running();
    if (!running) continue;
    ++all;
    if (!limited(i)) continue;
    ++of_limited;
    const bool heard = heard_.contains(running->report.job.id) || i == agent;
    if (running->alone || excused_.contains(running->report.job.id) || !heard || agents_[i]->cut) ++allowed;
  }
  counts_.most_at_once = std::max<std::uint64_t>(counts_.most_at_once, all);
  if (!limited(agent)) return;
  counts_.largest_overrun = std::max(counts_.largest_overrun, std::int64_t{of_limited} - std::int64_t{fleet_limit_});
  if (!begun.alone && of_limited > fleet_limit_ + allowed) {
    violation(fmt::format("{} backups run where {} may, and only {} of them by themselves", of_limited, fleet_limit_,
                          allowed));
  }
}

bool ScheduleModel::limited(std::size_t agent) const {
  const auto env = env_.find(agent);
  return env != env_.end() && env->second == "prod";
}

void ScheduleModel::check_outcomes() {
  std::map<std::pair<NodeId, DatabaseId>, Outcomes> all;
  const auto rows = read_rows<JobRow>(store_);
  if (!rows) return violation("the jobs in the catalog cannot be read");
  std::map<std::pair<DatabaseId, Timestamp>, std::set<NodeId>> made_by;
  for (const JobRow& row : *rows) {
    const Job& job = row.job;
    if (job.kind != JobKind::backup) continue;
    Outcomes& outcomes = all[{job.node, job.database}];
    if (!job.due_at.is_never()) outcomes.jobs[job.due_at].push_back(job);
    if (job.missed.count > 0) outcomes.missed.push_back(job.missed);
    if (job.missed.count > 0 && !job.due_at.is_never()) ++counts_.caught_up;
    if (job.state == JobState::lost) ++counts_.lost;
    if (job.state == JobState::complete && !job.due_at.is_never()) made_by[{job.database, job.due_at}].insert(job.node);
    if (!is_final(job.state) && !of_revoked(job.node))
      violation(fmt::format("job {} is still {}", job.id, word(job.state)));
  }
  for (const auto& [run, nodes] : made_by) counts_.by_two_nodes += nodes.size() > 1 ? 1 : 0;
  for (const auto& agent : agents_) {
    if (agent->revoked) continue;
    for (const auto& [id, stretches] : agent->duties()) {
      check_account(*agent, id, stretches, all[{agent->host.node, id}]);
    }
  }
}

bool ScheduleModel::of_revoked(NodeId node) const {
  return std::ranges::any_of(agents_, [&](const auto& agent) { return agent->revoked && agent->host.node == node; });
}

// The runs by the timetable alone, against what the coordinator was told.
void ScheduleModel::check_account(const ScheduleAgent& agent, DatabaseId database,
                                  const std::vector<DutyStretch>& stretches, const Outcomes& outcomes) {
  std::set<Timestamp> due;
  std::map<Timestamp, Timestamp> next_of;  // in the same stretch
  for (const DutyStretch& stretch : stretches) {
    const Timestamp to = stretch.to.value_or(agent.newest_wall());
    Timestamp before = stretch.from;
    for (;;) {
      const auto run = next_backup_run(stretch.schedule, database, before);
      if (!run || !*run || (*run)->at > to) break;
      if (before != stretch.from) next_of[before] = (*run)->at;
      before = (*run)->at;
      if (!due.insert(before).second) violation("a run is expected twice");
    }
  }
  const auto wrong = [&](Timestamp run, std::string_view what) {
    violation(fmt::format("{}: the run of {} of database {} {}", agent.host.hostname, to_rfc3339(run), database, what));
  };
  counts_.due += due.size();
  std::set<Timestamp> accounted;
  for (const auto& [run, jobs] : outcomes.jobs) {
    if (!due.contains(run)) wrong(run, "has a job and never came due");
    accounted.insert(run);
    const auto complete = std::ranges::count(jobs, JobState::complete, &Job::state);
    if (complete > 1) wrong(run, "was completed twice");
    ++(complete > 0 ? counts_.complete : counts_.failed);
    if (complete == 0 && jobs.back().error.empty()) wrong(run, "failed without a cause");
  }
  for (const MissedRuns& missed : outcomes.missed) {
    if (missed.cause.empty()) wrong(missed.since, "was missed without a cause");
    Timestamp run = missed.since;
    for (std::uint32_t i = 0; i < missed.count; ++i) {
      if (!due.contains(run)) wrong(run, "was missed and never came due");
      if (!accounted.insert(run).second) wrong(run, "has two outcomes, one of them missed: " + missed.cause);
      ++counts_.missed;
      ++causes_[missed.cause];
      const auto next = next_of.find(run);
      if (i + 1 < missed.count && next == next_of.end()) {
        wrong(run, "is the last of its schedule, and more were missed");
        break;
      }
      if (next != next_of.end()) run = next->second;
    }
  }
  for (const Timestamp run : due) {
    if (!accounted.contains(run)) wrong(run, "has no outcome");
  }
}

}  // namespace holdfast
