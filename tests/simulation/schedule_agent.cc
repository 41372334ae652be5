#include "tests/simulation/schedule_agent.h"

#include <fmt/format.h>

#include <algorithm>

#include "shared/fleet/backup_runs.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds beat{600};
constexpr std::chrono::seconds again{5};
constexpr std::chrono::seconds looks_every{120};  // while something waits for better times

}  // namespace

Message ScheduleAgent::make(MessageBody body) {
  Message message;
  message.id = ++messages_;
  message.body = std::move(body);
  return message;
}

// As BackupSchedule does it.
void ScheduleAgent::begin_program() {
  book_.emplace();
  known_.clear();
  for (const auto& [id, ledger] : ledgers_) book_->remember(id, ledger);
  std::vector<Job> journal;
  for (const auto& [id, job] : newest_complete_) journal.push_back(job);
  for (const auto& [id, job] : newest_backup_) journal.push_back(job);
  std::ranges::sort(journal, {}, &Job::created_at);
  for (const Job& job : journal) {
    book_->journalled(job);
    book_->ended(job, BackupType::full, backup_at_[job.database]);
  }
  book_->forget_how_often();
}

void ScheduleAgent::start(Timestamp now) {
  off = false;
  wake_at_ = now;
}

void ScheduleAgent::look_again(Timestamp now) {
  inventory_acked_ = false;
  report_at_ = {};
  wake_at_ = now;
}

void ScheduleAgent::stop(Timestamp now) {
  off = true;
  if (running_) {
    JobReport report = running_->report;
    report.job.state = JobState::failed;
    report.job.error = "the agent stopped unexpectedly while the backup ran";
    report.job.finished_at = wall(now);
    running_.reset();
    newest_backup_[report.job.database] = journal(report).job;
  }
  book_.reset();
  desk_.emplace(SlotDesk::Patience());
  welcomed_ = inventory_acked_ = false;
  ++generation_;
}

JobReport& ScheduleAgent::journal(JobReport report) {
  const auto [at, fresh] = jobs_.try_emplace(report.job.id);
  if (fresh || at->second.acked) ++open_;
  report.sequence = at->second.report.sequence + 1;
  at->second = {std::move(report), false};
  report_at_ = {};
  return at->second.report;
}

// By the clock that the agent has, and from where the account before ended.
void ScheduleAgent::follow_duties(Timestamp now) {
  if (assignment_.revision == duties_of_) return;
  duties_of_ = assignment_.revision;
  std::set<DatabaseId> mine;
  for (const Assigned& assigned : assignment_.databases) {
    if (!assigned.protect || !takes_backups(assigned)) continue;
    mine.insert(assigned.database);
    auto& stretches = duties_[assigned.database];
    const Policy schedule = schedule_of(assigned.policy);
    const bool goes_on = !stretches.empty() && !stretches.back().to;
    if (goes_on && stretches.back().schedule == schedule) continue;
    Timestamp from = wall(now);
    if (goes_on) {
      stretches.back().to = newest_wall_;
      from = std::max(from, newest_wall_);
    }
    stretches.push_back({schedule, from});
  }
  for (auto& [id, stretches] : duties_) {
    if (!mine.contains(id) && !stretches.back().to) stretches.back().to = newest_wall_;
  }
}

void ScheduleAgent::store_news(Timestamp now) {
  RunBook::News news = book_->take_news();
  for (const auto& [id, missed] : news.missed) {
    JobReport report;
    report.job = job_of_missed(host.node, id, missed, wall(now));
    journal(std::move(report));
  }
  for (auto& [id, ledger] : news.ledgers) ledgers_[id] = std::move(ledger);
  for (const DatabaseId id : news.closed) ledgers_.erase(id);
}

void ScheduleAgent::end_job(Timestamp now) {
  if (!running_ || now < running_->ends_at) return;
  Running ended = std::move(*running_);
  running_.reset();
  ended.report.job.finished_at = wall(now);
  ended.report.job.state = ended.end;
  if (ended.end == JobState::complete) {
    ended.report = world_->finished(*this, ended);
  } else {
    ended.report.job.error = "bad luck";
  }
  const JobReport& told = journal(std::move(ended.report));
  newest_backup_[told.job.database] = told.job;
  if (told.job.state == JobState::complete) newest_complete_[told.job.database] = told.job;
  if (told.job.state == JobState::complete) backup_at_[told.job.database] = now;
  book_->ended(told.job, BackupType::full, backup_at_[told.job.database]);
}

std::string ScheduleAgent::obstacle(const DueNow& due) const {
  if (assignment_.state == NodeState::cordoned || assignment_.state == NodeState::draining) {
    return "the node was cordoned";
  }
  if (running_) return "the backup before it was still running";
  if (!database_runs) return "the database did not run";
  if (!due.database->active && !found.standby) return "its server was promoted";
  return {};
}

// As Agent::start_due_backups does it.
void ScheduleAgent::start_due(Timestamp now) {
  for (const Assigned& assigned : assignment_.databases) {
    if (!known_.insert(assigned.database).second) continue;
    const auto began = last_began_.find(assigned.database);
    book_->know(assigned.database, began == last_began_.end() ? Timestamp() : began->second, wall(now));
  }
  const auto due = book_->due(assignment_, wall(now));
  asks_ = false;
  due_ = due.size();
  desk_->keep_only([&](DatabaseId id) {
    return std::ranges::any_of(due, [id](const auto& one) { return one.database->database == id; });
  });
  for (const DueNow& one : due) {
    const DatabaseId id = one.database->database;
    if (const std::string why = obstacle(one); !why.empty()) {
      desk_->forget(id);
      book_->hold(id, why);
      continue;
    }
    SlotDesk::Answer slot{SlotDesk::Verdict::granted, {}};
    if (is_limited_beyond_node(one.database->policy)) slot = desk_->may_begin(id, one.since, monotonic(now));
    if (slot.verdict == SlotDesk::Verdict::wait) {
      asks_ = true;
      book_->hold(id, "it waited for its turn: " + slot.reason);
    } else {
      start_one(one, slot, now);
    }
  }
  store_news(now);
}

void ScheduleAgent::start_one(const DueNow& due, const SlotDesk::Answer& slot, Timestamp now) {
  const DatabaseId id = due.database->database;
  const TakenRun run = book_->run_of(due);
  Running running;
  running.alone = slot.verdict == SlotDesk::Verdict::alone;
  if (running.alone) {
    ++alone_;
    running.report.job.steps.push_back({"slot", StepOutcome::skipped, Micros(0), slot.reason});
  }
  ++begun_;
  Job& job = running.report.job;
  job.id = world_->new_job();
  job.kind = JobKind::backup;
  job.state = JobState::running;
  job.node = host.node;
  job.database = id;
  job.created_at = job.started_at = wall(now);
  job.due_at = run.due_at;
  job.missed = run.missed;
  const auto [takes, end] = world_->fate();
  running.ends_at = now + takes;
  running.end = unlucky ? JobState::failed : end;
  book_->began(id, wall(now));
  last_began_[id] = wall(now);
  running.report = journal(running.report);
  desk_->forget(id);
  book_->taken(id);
  running_ = std::move(running);
}

std::vector<Message> ScheduleAgent::step(Timestamp now) {
  std::vector<Message> out;
  if (!book_) begin_program();
  newest_wall_ = std::max(newest_wall_, wall(now));
  follow_duties(now);
  end_job(now);
  start_due(now);
  if (welcomed_) {
    speak(now, out);
  } else if (now >= hello_at_) {
    hello_at_ = now + std::chrono::seconds(60);
    Hello hello;
    hello.generation = generation_;
    hello.clock = wall(now);
    hello.facts.hostname = host.hostname;
    hello.assignment_revision = assignment_.revision;
    out.push_back(make(hello));
  }
  plan_wake(now, due_);
  return out;
}

void ScheduleAgent::speak(Timestamp now, std::vector<Message>& out) {
  desk_->send_waiting(
      [&](const SlotRequest& request) {
        out.push_back(make(request));
        return std::optional(out.back().id);
      },
      monotonic(now));
  if (assignment_to_ack_) out.push_back(make(AssignmentAck{assignment_.revision}));
  assignment_to_ack_ = false;
  if (now >= report_at_) {
    report_at_ = now + again;
    if (!inventory_acked_) out.push_back(make(Inventory{++inventory_revision_, {found}}));
    if (open_ > 0) {
      for (const auto& [id, stored] : jobs_) {
        if (!stored.acked) out.push_back(make(stored.report));
      }
    }
  }
  if (now >= heartbeat_at_) {
    heartbeat_at_ = now + beat - std::chrono::seconds(messages_ % 60);
    out.push_back(make(Heartbeat{wall(now), {}, running_ ? 1U : 0U}));
  }
}

void ScheduleAgent::plan_wake(Timestamp now, std::size_t due) {
  Timestamp next = now + std::chrono::hours(1);
  const auto by = [&](Timestamp at) { next = std::min(next, at); };
  if (!welcomed_) by(hello_at_);
  if (welcomed_) by(heartbeat_at_);
  if (welcomed_ && (open_ > 0 || !inventory_acked_)) by(report_at_);
  if (running_) by(running_->ends_at);
  // What is due but held, or waits for a window or to be tried again, is looked at in steps.
  if (asks_) by(now + again);
  bool waits = due > 0;
  for (const auto& [id, ledger] : ledgers_) {
    waits = waits || !ledger.owed_at.is_never();
    if (const auto run = next_backup_run(ledger.schedule, id, wall(now)); run && *run) by((*run)->at - clock_offset);
  }
  for (const auto& [id, job] : newest_backup_) waits = waits || job.state != JobState::complete;
  if (waits) by(now + looks_every);
  wake_at_ = std::max(next, now + std::chrono::seconds(1));
}

void ScheduleAgent::take(const Message& message, Timestamp now) {
  if (off) return;
  if (const auto* welcome = std::get_if<Welcome>(&message.body)) {
    (void)welcome;
    welcomed_ = true;
    inventory_acked_ = false;
    report_at_ = heartbeat_at_ = {};
  } else if (const auto* assignment = std::get_if<Assignment>(&message.body)) {
    // Messages overtake each other here, which they do not on a connection.
    if (assignment->revision > assignment_.revision) assignment_ = *assignment;
    assignment_to_ack_ = true;
  } else if (const auto* inventory = std::get_if<InventoryAck>(&message.body)) {
    inventory_acked_ = inventory_acked_ || inventory->revision == inventory_revision_;
  } else if (const auto* slot = std::get_if<SlotReply>(&message.body)) {
    desk_->answered(message.in_reply_to, *slot, monotonic(now));
  } else if (const auto* ack = std::get_if<JobReportAck>(&message.body)) {
    const auto found_job = jobs_.find(ack->job);
    if (found_job == jobs_.end() || ack->sequence != found_job->second.report.sequence) return;
    if (!found_job->second.acked) --open_;
    found_job->second.acked = true;
    if (is_final(found_job->second.report.job.state)) jobs_.erase(found_job);
  }
  wake_at_ = std::min(wake_at_, now);
}

std::string ScheduleAgent::unrest() const {
  if (revoked) return {};
  if (off) return host.hostname + " is off";
  if (!welcomed_) return host.hostname + " got no welcome";
  if (running_) return host.hostname + " backs up";
  if (open_ > 0) return host.hostname + " has something to report";
  if (due_ > 0) return host.hostname + " has something due";
  for (const auto& [id, ledger] : ledgers_) {
    if (!ledger.owed_at.is_never()) return host.hostname + " owes a run that is not due";
  }
  return {};
}

bool ScheduleAgent::is_quiet() const {
  return unrest().empty();
}

}  // namespace holdfast
