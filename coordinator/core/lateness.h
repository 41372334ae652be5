#pragma once
// Whether a database keeps the objectives of its policy. By what can be restored, not by what ran: a backup an hour ago
// is no comfort when the log behind it is missing.
#include "coordinator/core/state.h"

namespace holdfast {

struct KeepsUp {
  Timestamp protected_since;
  Timestamp recoverable_through;  // never: nothing can be restored
  Timestamp last_backup;          // finished; never: there is none
  // When its node last said how far it is. Between two beats nobody knows more, and a node that is away does not move.
  Timestamp heard_at;
  enum class Log : std::uint8_t { shipped, none } log = Log::shipped;
  enum class Backup : std::uint8_t { runs, rests } backup = Backup::rests;
};

// How long a run may be due, with its retries, before its backup counts as late.
constexpr std::chrono::hours backup_grace{1};

// Which objective it misses and by how much, in a sentence; empty: none.
std::string lateness(const Policy& policy, DatabaseId database, const KeepsUp& known, Timestamp now);

// The same of a database that is protected; empty for others.
std::string lateness(const CoreState& state, const Database& database, const DatabaseView& view, Timestamp now);

}  // namespace holdfast
