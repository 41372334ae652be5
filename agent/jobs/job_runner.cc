#include "agent/jobs/job_runner.h"

#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>

#include "agent/jobs/progress_pace.h"

namespace holdfast {
namespace {

// They work on stores only and go on for long: no backup and no restore waits for them.
bool waits_for_others_only(JobKind kind) {
  return kind == JobKind::copy || kind == JobKind::scrub;
}

}  // namespace

JobRunner::JobRunner(AgentState& state, Clock& clock, Logger log, JobRunnerLimits limits, Tell tell)
    : state_(state), clock_(clock), log_(std::move(log)), limits_(limits), tell_(std::move(tell)) {}

JobRunner::~JobRunner() {
  stop("the agent stopped while the job ran");
}

Result<> JobRunner::start(JobReport report, JobWork work) {
  report.job.state = JobState::queued;
  if (report.job.created_at.is_never()) report.job.created_at = clock_.now();
  const JobReport stored = TRY(state_.save_report(std::move(report)));
  tell_(stored, Stored::yes);
  reap();
  std::unique_lock lock(mutex_);
  entries_.emplace_back();
  entries_.back().report = stored;
  entries_.back().work = std::move(work);
  start_ready(lock);
  return {};
}

bool JobRunner::may_run(const Entry& entry) const {
  const bool yields = waits_for_others_only(entry.report.job.kind);
  std::uint32_t backups = 0;
  for (const auto& other : entries_) {
    if (&other == &entry) break;  // only those before it can hold it up
    if (other.done) continue;
    if (other.running && other.report.job.kind == JobKind::backup) ++backups;
    if (entry.report.job.database.is_null() || other.report.job.database != entry.report.job.database) continue;
    if (yields || !waits_for_others_only(other.report.job.kind)) return false;
  }
  return entry.report.job.kind != JobKind::backup || backups < limits_.backups;
}

void JobRunner::start_ready(std::unique_lock<std::mutex>&) {
  if (stopped_) return;
  for (auto& entry : entries_) {
    if (entry.running || entry.done || !may_run(entry)) continue;
    entry.running = true;
    entry.thread = std::thread([this, &entry] { run(entry); });
  }
}

std::uint64_t JobRunner::save_and_tell(const JobReport& report) {
  auto stored = state_.save_report(report);
  if (!stored) {
    // The journal is the promise; without it nobody may believe that the job ended.
    log_.error("a job's state could not be stored", stored.error(), {{"job", report.job.id}});
    return report.sequence;
  }
  tell_(*stored, Stored::yes);
  return stored->sequence;
}

void JobRunner::run(Entry& entry) {
  JobReport report;
  {
    const std::lock_guard lock(mutex_);
    report = entry.report;
  }
  report.job.state = JobState::running;
  report.job.started_at = clock_.now();
  const std::uint64_t base_sequence = save_and_tell(report);
  struct {
    std::mutex mutex;
    ProgressPace pace;
    std::uint64_t count = 0;
  } told{{}, ProgressPace({}, clock_.monotonic()), 0};
  JobControl control;
  control.stop = entry.stop;
  const Job job = report.job;
  control.progress = [&, job](const Progress& progress) {
    JobReport now;
    now.job = job;
    now.job.progress = progress;
    std::optional<ProgressNews> news;
    {
      const std::lock_guard lock(told.mutex);
      news = told.pace.next(clock_.monotonic(), now.job.progress);
      if (!news) return;
      now.sequence = base_sequence + ++told.count;
    }
    if (news == ProgressNews::message_and_log) log_progress(job.id, now.job.progress);
    tell_(now, Stored::no);
  };

  Result<> outcome;
  try {
    outcome = entry.work(report, control);
  } catch (const std::exception& bug) {
    outcome = fail(Code::internal, fmt::format("unexpected failure: {}", bug.what()));
  }
  bool cancelled = false;
  std::string cause;
  {
    const std::lock_guard lock(mutex_);
    cancelled = entry.cancelled;
    cause = entry.cut_off;
  }
  if (!outcome && !cause.empty() && outcome.error().code == Code::cancelled) {
    outcome = fail(Code::unavailable, cause);
  }
  finish(std::move(report), outcome, cancelled);
  // A job needs a hundred times what an agent needs that waits for the next one, and the allocator would keep it.
  (void)::malloc_trim(0);
  std::unique_lock lock(mutex_);
  entry.running = false;
  entry.done = true;
  start_ready(lock);
}

void JobRunner::log_progress(JobId job, const Progress& progress) const {
  log_.info("job goes on", {{"job", job},
                            {"step", progress.step},
                            {"done_bytes", progress.done_bytes},
                            {"total_bytes", progress.total_bytes},
                            {"bytes_per_second", progress.bytes_per_second}});
}

void JobRunner::finish(JobReport report, const Result<>& outcome, bool cancelled) {
  report.job.finished_at = clock_.now();
  report.job.state = outcome                                                ? JobState::complete
                     : cancelled && outcome.error().code == Code::cancelled ? JobState::cancelled
                                                                            : JobState::failed;
  if (!outcome) {
    report.job.error = outcome.error().message;
    report.job.hint = outcome.error().hint;
    report.job.code = outcome.error().code;
  }
  save_and_tell(report);
}

bool JobRunner::cancel(JobId job) {
  std::unique_lock lock(mutex_);
  for (auto& entry : entries_) {
    if (entry.report.job.id != job || entry.done) continue;
    entry.cancelled = true;
    entry.stop.request_stop();
    if (entry.running) return true;
    entry.done = true;
    const JobReport report = entry.report;
    lock.unlock();
    finish(report, fail(Code::cancelled, "cancelled before it began"), true);
    return true;
  }
  return false;
}

bool JobRunner::busy_with(DatabaseId database, JobKind kind) const {
  const std::lock_guard lock(mutex_);
  for (const auto& entry : entries_) {
    if (!entry.done && entry.report.job.database == database && entry.report.job.kind == kind) return true;
  }
  return false;
}

std::uint32_t JobRunner::running() const {
  const std::lock_guard lock(mutex_);
  std::uint32_t count = 0;
  for (const auto& entry : entries_) count += entry.running ? 1 : 0;
  return count;
}

bool JobRunner::has_room_for_backup() const {
  const std::lock_guard lock(mutex_);
  const auto backups = std::ranges::count_if(
      entries_, [](const Entry& entry) { return !entry.done && entry.report.job.kind == JobKind::backup; });
  return static_cast<std::uint32_t>(backups) < limits_.backups;
}

void JobRunner::reap() {
  std::list<Entry> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto entry = entries_.begin(); entry != entries_.end();) {
      const auto next = std::next(entry);
      if (entry->done) ended.splice(ended.end(), entries_, entry);
      entry = next;
    }
  }
  for (auto& entry : ended) {
    if (entry.thread.joinable()) entry.thread.join();
  }
}

bool JobRunner::idle() const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(entries_, [](const Entry& entry) { return entry.done; });
}

std::vector<JobReport> JobRunner::cut_off(const std::string& cause) {
  std::vector<JobReport> cut;
  std::vector<JobReport> never_began;
  {
    const std::lock_guard lock(mutex_);
    for (auto& entry : entries_) {
      if (entry.done) continue;
      entry.cut_off = cause;
      entry.stop.request_stop();
      cut.push_back(entry.report);
      if (entry.running) continue;
      entry.done = true;
      never_began.push_back(entry.report);
    }
  }
  for (auto& report : never_began) finish(std::move(report), fail(Code::unavailable, cause), false);
  return cut;
}

void JobRunner::stop(const std::string& cause) {
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  cut_off(cause);
  while (true) {
    reap();
    {
      const std::lock_guard lock(mutex_);
      if (entries_.empty()) return;
    }
    clock_.sleep_for(std::chrono::milliseconds(10));
  }
}

}  // namespace holdfast
