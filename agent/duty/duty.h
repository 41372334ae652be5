#pragma once
// What an agent owes its databases by itself, as pure functions: when the next backup is due, and when one that failed
// is tried again.
#include "shared/base/result.h"
#include "shared/fleet/backup_runs.h"
#include "shared/wire/messages.h"

namespace holdfast {

struct RunHistory {
  Timestamp last_began;        // of a run of the schedule here; never: none
  Timestamp last_complete;     // of any backup we know of, ours or another node's; never: there is none
  Timestamp last_elsewhere;    // of another node of its group; never: none that we know of
  Timestamp known_since;       // when this database came under protection here
  Timestamp schedule_since;    // no run is owed from before its schedule came into force; never: it always was
  std::uint32_t failures = 0;  // in a row, since the last success
  Timestamp last_failed;
  BackupType failed_type = BackupType::incremental;  // of those that failed in a row, what outweighs the others
  Timestamp log_lost_at;                             // log was lost then and no backup since makes it good; never: none
  friend bool operator==(const RunHistory&, const RunHistory&) = default;
};

enum class DueReason : std::uint8_t { first_backup, schedule, retry, log_lost };

struct Due {
  Timestamp at;
  DueReason reason = DueReason::schedule;
  BackupType type = BackupType::full;
};

// When the next backup of this database is due, and which. A time that has passed means now, once, however many runs
// were missed, and then what outweighs the others of them; runs and retries begin within the policy's window. What is
// needed for anything to be restorable, the first backup and one after log was lost, waits for no window. nullopt: the
// policy has no schedule, and there is a backup that the log goes on from; or another node takes its backups. But who
// ships its log and has lost some takes one in any case: it is the first to know, and the other's might begin before
// the loss. Code::invalid: a policy this agent cannot read.
Result<std::optional<Due>> next_due(const Assigned& database, const RunHistory& history, Timestamp now);

// Up to when no run is owed: a backup that was ordered does not replace a run; but none is owed from before there was
// anything to run, nor from the time when another node of the group ran them.
Timestamp settled_through(const RunHistory& history);

// How long to wait after so many failures in a row: a minute, doubled each time, an hour at most.
Micros retry_delay(std::uint32_t failures);

}  // namespace holdfast
