#pragma once
// The node's schedule with a memory: agent/duty decides, agent/state remembers.
#include <set>
#include <utility>
#include <vector>

#include "agent/duty/run_book.h"
#include "agent/state/state.h"
#include "shared/log/log.h"

namespace holdfast {

class BackupSchedule {
 public:
  BackupSchedule(NodeId node, AgentState& state, Logger log) : node_(node), state_(state), log_(std::move(log)) {}

  // What the journal says of earlier runs of this program: a backup that failed or was cut off is owed a retry, soon,
  // however often it had failed before. Once, before `due`, when no job in the journal is unfinished.
  Result<> remember();

  // The databases whose time has come, what is due longest first. A database whose policy cannot be read is logged once
  // and left out. Runs that nobody will make up for are journalled as missed.
  std::vector<DueNow> due(const Assignment& assignment, Timestamp now);
  // Why what is due does not begin: so it is told should it be missed.
  void hold(DatabaseId database, const std::string& cause);
  // What its job is to say.
  TakenRun run_of(const DueNow& due) const { return book_.run_of(due); }

  // A run begins: durable before its job is in the journal, so that it is not begun again after a crash.
  Result<> began(DatabaseId database, BackupType type, Timestamp now);
  // Its job is in the journal, or did not get there.
  void taken(DatabaseId database);
  void not_taken(DatabaseId database, Timestamp now) { book_.not_taken(database, now); }
  void ended(const JobReport& report);
  // The agent's state has a loss of this database's log that it did not have before.
  void log_lost(DatabaseId database);
  // Missed runs were journalled since the last call.
  bool take_news() { return std::exchange(news_, false); }

 private:
  void make_good(const JobReport& report);
  BackupType type_of(const JobReport& report);
  // What the book has to say. `now`: when missed runs are told.
  void store(Timestamp now);

  const NodeId node_;
  AgentState& state_;
  Logger log_;
  RunBook book_;
  std::set<DatabaseId> known_;  // to the book
  bool news_ = false;
};

}  // namespace holdfast
