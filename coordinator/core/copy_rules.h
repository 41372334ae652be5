#pragma once
// Which copies are not as the policy wants them, and which of them is the most urgent. Pure.
#include <compare>
#include <set>

#include "shared/fleet/fleet.h"
#include "shared/policy/policy.h"

namespace holdfast {

// One copy of a backup, or of a database's log (no backup).
struct CopyKey {
  DatabaseId database;
  BackupId backup;
  std::string store;
  friend auto operator<=>(const CopyKey&, const CopyKey&) = default;
};

// Where a copy lies that counts: stores that are gone count for nothing.
struct CopyInput {
  DatabaseId database;
  std::vector<const Backup*> backups;  // complete ones
  std::vector<LogCopy> log_copies;
  bool has_log = false;
  std::uint32_t want = 1;
  std::vector<std::string> chosen;  // by the policy, in order
  std::set<std::string> stores;     // all there are
};

struct CopyNeed {
  CopyKey key;
  std::string state;  // missing | damaged | unknown: of a log that was never compared
  std::string reason;
  std::uint32_t good = 0;            // whole copies elsewhere
  Timestamp since;                   // when the backup was finished; never: the log
  std::vector<std::string> sources;  // stores that may have sound objects, those with whole copies first
};

// Of one database. A copy that is missing or damaged where the policy puts copies, or elsewhere while there are too
// few; and stores that lack a copy altogether, in the policy's order, until there are as many as it wants.
std::vector<CopyNeed> copies_needed(const CopyInput& input);
// Fewest whole copies first, then oldest.
void sort_by_risk(std::vector<CopyNeed>& needs);

// Whole copies of the newest backup or of the log, whichever has fewer. nullopt: there is nothing yet.
std::optional<std::uint32_t> whole_copies(const CopyInput& input);

// Which stores of these, in order, a policy takes. `zones`: by store; those of another zone than the ones before come
// first when it spreads over zones. A store that says no zone is in one of its own kind.
std::vector<std::string> spread_stores(const std::vector<std::string>& candidates,
                                       const std::map<std::string, std::string>& zones, const Policy& policy);

}  // namespace holdfast
