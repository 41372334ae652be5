#pragma once
// When the policy wants which backup of a database: one pure function for the agent, which runs it, and for everybody
// who shows it.
#include <optional>
#include <vector>

#include "shared/fleet/kinds.h"
#include "shared/policy/policy.h"
#include "shared/schedule/timetable.h"

namespace holdfast {

struct BackupRun {
  Timestamp at;
  BackupType type = BackupType::full;
  friend bool operator==(const BackupRun&, const BackupRun&) = default;
};

// What replaces what, when both are due: a full backup the others, a differential one an incremental one.
bool outweighs(BackupType a, BackupType b);

// The first run later than `after`, of the policy's three lines together; runs of one moment are one run of what
// outweighs the others. A time outside the policy's window waits until it opens. The splay spreads databases within
// what is left of the window. nullopt: no line ever comes up. Code::invalid: a line, window or zone that cannot be
// read.
Result<std::optional<BackupRun>> next_backup_run(const Policy& policy, DatabaseId database, Timestamp after);

// One run for all that came due in (after, through]: when the first of them did, and what outweighs the others.
Result<std::optional<BackupRun>> owed_backup_run(const Policy& policy, DatabaseId database, Timestamp after,
                                                 Timestamp through);

// `time`, or when the window opens next.
Result<Timestamp> within_window(const Policy& policy, Timestamp time);

}  // namespace holdfast
