#pragma once
// A node's way out: what runs is waited for or cut off, its databases come to their end, and the agent's own stop is
// the last step. Each step is in the journal, and told, before the next one begins; whoever finds it unfinished there
// knows how far it came.
//
// One thread uses it, that of the agent. It waits for nothing: go_on() is called again and again.
#include <functional>
#include <vector>

#include "agent/jobs/job_runner.h"

namespace holdfast {

// What became of one database: its receipt, and whether anybody has to look at it before the host may go.
struct EndedDatabase {
  DatabaseReceipt receipt;
  enum class Standing : std::uint8_t { fine, incomplete } standing = Standing::fine;
};

enum class DepartureEnd : std::uint8_t {
  under_way,
  drained,  // nothing runs any more; the agent stays
  goes,     // all that was to end has ended: the agent is to stop, and to say finish()
  stays     // something may be missing, and nobody said that it may: the agent goes on with its work
};

class Departure {
 public:
  struct Parts {
    JobRunner& runner;
    AgentState& state;
    Clock& clock;
    Logger log;
    // Begins to end the databases, which tell by note() and take(). How many will.
    std::function<std::size_t()> end_databases;
    std::function<void()> hurry_databases;  // they are to wait for nothing more
    std::function<void(const JobReport&)> tell;
  };
  struct What {
    JobReport report;  // its job: id, kind, node, origin
    ShutdownReach reach = ShutdownReach::drain;
    enum class Patience : std::uint8_t { waits, forced } patience = Patience::waits;
    // unconditional: the process was told to end, and it will, whatever is missing.
    enum class Going : std::uint8_t { when_complete, unconditional } going = Going::when_complete;
    Micros drain{0};  // how long running jobs may go on
  };
  Departure(What what, Parts parts);

  Result<> begin();
  DepartureEnd go_on();
  // From now on it waits for nothing.
  void hurry();
  // The process was told to end: it will, whatever is missing, and its running jobs have this long at most. Once.
  void must_go(Micros drain);
  // While it drains; later there is no way back. False: too late.
  bool cancel();

  // Of the database that this receipt is of, told while it ends.
  void note(const DatabaseReceipt& of, const JobStep& step);
  void take(EndedDatabase ended);

  // The agent has stopped everything: the last step, and the end of the job. Which it was.
  enum class Outcome : std::uint8_t { whole, incomplete };
  Outcome finish();

  JobId job() const { return what_.report.job.id; }
  ShutdownReach reach() const { return what_.reach; }

 private:
  enum class Phase : std::uint8_t { draining, cutting, ending, over };
  void add_step(std::string name, StepOutcome outcome, Micros begun, std::string sentence);
  void cut_off();
  void drained();
  void databases_ended();
  void store();
  void end(DepartureEnd end, JobState state, Error error, std::string outcome);
  std::string verdict() const;
  DatabaseReceipt& receipt_of(const DatabaseReceipt& receipt);
  Job& report() { return what_.report.job; }

  What what_;
  Parts parts_;
  Phase phase_ = Phase::draining;
  DepartureEnd end_ = DepartureEnd::under_way;
  Micros phase_began_{0};
  Micros drain_until_{0};
  std::string cut_;  // what was cut off
  std::size_t awaited_ = 0;
  std::vector<std::string> incomplete_;  // names of databases
};

}  // namespace holdfast
