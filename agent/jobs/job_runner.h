#pragma once
// Runs jobs on threads of their own and keeps the journal true: started before the work begins, ended when it ended,
// nothing twice on one database at a time.
#include <condition_variable>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

#include "agent/state/state.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"
#include "shared/os/stop.h"

namespace holdfast {

// What a job's work may use while it runs.
struct JobControl {
  StopToken stop;                                 // cancelled, or the agent stops
  std::function<void(const Progress&)> progress;  // any thread; cheap
};

// The work: fills in what it found (backup, target, outcome). An error ends the job as failed, Code::cancelled as
// cancelled.
using JobWork = std::function<Result<>(JobReport& report, const JobControl& control)>;

struct JobRunnerLimits {
  std::uint32_t backups = 1;  // at once on this node; other kinds do not count
};

class JobRunner {
 public:
  // `tell` is called from job threads: a report that was stored (final or begun), or progress that was not.
  enum class Stored : std::uint8_t { yes, no };
  using Tell = std::function<void(const JobReport& report, Stored stored)>;

  JobRunner(AgentState& state, Clock& clock, Logger log, JobRunnerLimits limits, Tell tell);
  ~JobRunner();
  JobRunner(const JobRunner&) = delete;
  JobRunner& operator=(const JobRunner&) = delete;

  // Journals the job as queued, then runs it when its turn comes: one job a database at a time, in order. Copy and
  // scrub jobs keep no other kind waiting.
  Result<> start(JobReport report, JobWork work);
  // A queued job ends as cancelled at once, a running one when its work notices. False: no such job here.
  bool cancel(JobId job);
  // Also true while one is queued.
  bool busy_with(DatabaseId database, JobKind kind) const;
  std::uint32_t running() const;
  // A backup that came now would begin at once: none runs or waits beyond what is allowed.
  bool has_room_for_backup() const;

  // Neither runs nor waits anything.
  bool idle() const;
  // What runs or waits is told to end, and is journalled as failed with this cause when it does. What that is. What is
  // started later runs.
  std::vector<JobReport> cut_off(const std::string& cause);

  // Cancels everything and waits for it; what was cut off is journalled as failed with this cause.
  void stop(const std::string& cause);

 private:
  struct Entry {
    JobReport report;
    JobWork work;
    StopToken stop;
    bool running = false;
    bool done = false;
    bool cancelled = false;
    std::string cut_off;  // the cause; empty: it was not
    std::thread thread;
  };

  void start_ready(std::unique_lock<std::mutex>& lock);
  bool may_run(const Entry& entry) const;
  void run(Entry& entry);
  void log_progress(JobId job, const Progress& progress) const;
  void finish(JobReport report, const Result<>& outcome, bool cancelled);
  std::uint64_t save_and_tell(const JobReport& report);  // the sequence it got
  void reap();

  AgentState& state_;
  Clock& clock_;
  Logger log_;
  JobRunnerLimits limits_;
  Tell tell_;
  mutable std::mutex mutex_;  // guards what follows
  std::list<Entry> entries_;  // in the order they came; list: entries stay where they are
  bool stopped_ = false;
};

}  // namespace holdfast
