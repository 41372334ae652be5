#pragma once
// Which of this node's databases are due for a backup now. Remembers what agent/duty needs to decide.
#include <map>
#include <vector>

#include "agent/duty/duty.h"
#include "agent/state/state.h"
#include "shared/log/log.h"

namespace holdfast {

class BackupSchedule {
 public:
  BackupSchedule(AgentState& state, Logger log) : state_(state), log_(std::move(log)) {}

  // What the journal says of earlier runs of this program: a backup that failed or was cut off is owed a retry, soon,
  // however often it had failed before. Once, before `due`, when no job in the journal is unfinished.
  Result<> remember();

  // The databases whose time has come. A database whose policy cannot be read is logged once and left out.
  struct DueNow {
    const Assigned* database = nullptr;
    DueReason reason = DueReason::schedule;
    BackupType type = BackupType::full;
  };
  std::vector<DueNow> due(const Assignment& assignment, Timestamp now);

  // A run was started now; durable, so that it is not started again after a crash.
  Result<> began(DatabaseId database, BackupType type, Timestamp now);
  void ended(const JobReport& report);
  // The agent's state has a loss of this database's log that it did not have before.
  void log_lost(DatabaseId database);

 private:
  void make_good(const JobReport& report);
  BackupType type_of(const JobReport& report);
  RunHistory& history(const Assigned& database, Timestamp now);

  // When to look at a database again, unless what was known changes before.
  struct Planned {
    std::uint64_t revision = 0;
    RunHistory history;
    Timestamp until;
  };

  AgentState& state_;
  Logger log_;
  std::map<DatabaseId, Planned> planned_;
  std::map<DatabaseId, RunHistory> histories_;
  std::map<DatabaseId, Timestamp> own_complete_;  // newest backup of this node's; another is of its group
  std::map<DatabaseId, std::string> complained_;
};

}  // namespace holdfast
