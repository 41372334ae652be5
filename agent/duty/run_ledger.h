#pragma once
// The account of one database's schedule: every run that came due is begun by a job, or stands here until it is, or was
// missed for a cause that is told once. Plain values and pure functions; agent/state keeps it, agent/daemon acts on it.
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/fleet/fleet.h"

namespace holdfast {

struct RunLedger {
  Policy schedule;    // only what says when: schedule_of()
  Timestamp since;    // it counts from then; never: from before there was a ledger
  Timestamp through;  // every run up to then was begun, is missed, or is the one that is owed
  Timestamp owed_at;  // the newest that has not begun; never: none
  BackupType owed_type = BackupType::incremental;  // what outweighs the others that it stands in for
  std::string held_by;                             // why it has not begun; empty: nothing was in its way yet
  MissedRuns missed;                               // before the owed one, of one cause, and not told yet
  friend bool operator==(const RunLedger&, const RunLedger&) = default;
};

// A clock that was set back by more makes runs come due again: a wrong time must not stop backups for a year.
constexpr std::chrono::hours set_back_allowed{1};

// The lines, the zone, the window and the splay.
Policy schedule_of(const Policy& policy);
RunLedger new_ledger(const Policy& policy, Timestamp from);

struct Advance {
  std::vector<MissedRuns> told_alone;  // no backup stands in for them soon, or not for them only
  std::optional<Timestamp> upcoming;   // when the next run comes due; none: never
  bool changed = false;                // the ledger is to be stored
};
// Takes in what came due up to `now`. One run is owed at a time: a newer one takes the place of the one before, which
// is missed by what held it. `away`: what held those that came due since the last look; empty: nothing. Runs beyond
// some thousands are passed over, and the cause says so. Code::invalid: a schedule that cannot be read.
Result<Advance> advance(RunLedger& ledger, DatabaseId database, Timestamp now, const std::string& away);

// Notes what holds the owed run. True: that is news.
bool hold(RunLedger& ledger, const std::string& cause);

// The owed run begins: what its job says of it. The ledger owes nothing then.
struct TakenRun {
  Timestamp due_at;  // never: it is no run of the schedule
  MissedRuns missed;
};
TakenRun take(RunLedger& ledger);

// Nobody will run what is owed: it is missed by this cause. What is to be told.
std::vector<MissedRuns> close(RunLedger& ledger, const std::string& cause);

// Runs that came and went, for which no backup stands in: a job that ended before it began. The same runs make the same
// job, so that telling them again changes nothing.
Job job_of_missed(NodeId node, DatabaseId database, const MissedRuns& missed, Timestamp now);
bool tells_of_missed_only(const Job& job);

}  // namespace holdfast
