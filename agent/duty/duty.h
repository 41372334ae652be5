#pragma once
// What an agent owes its databases by itself, as pure functions: when the next backup is due, and when one that failed
// is tried again.
#include "shared/base/result.h"
#include "shared/wire/messages.h"

namespace holdfast {

struct RunHistory {
  Timestamp last_began;        // of a run of the schedule here; never: none
  Timestamp last_complete;     // of any backup we know of, ours or another node's; never: there is none
  Timestamp known_since;       // when this database came under protection here
  std::uint32_t failures = 0;  // in a row, since the last success
  Timestamp last_failed;
  Timestamp log_lost_at;  // log was lost then and no backup since makes it good; never: none
};

enum class DueReason : std::uint8_t { first_backup, schedule, retry, log_lost };

struct Due {
  Timestamp at;
  DueReason reason = DueReason::schedule;
};

// When the next full backup of this database is due; a time that has passed means now, once, however many runs were
// missed. nullopt: the policy has no schedule, and there is a backup that the log goes on from. Code::invalid: a policy
// this agent cannot read.
Result<std::optional<Due>> next_due(const Assigned& database, const RunHistory& history);

// How long to wait after so many failures in a row: a minute, doubled each time, an hour at most.
Micros retry_delay(std::uint32_t failures);

}  // namespace holdfast
