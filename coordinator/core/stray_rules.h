#pragma once
// Which objects of backups that never came to be may be removed. What a failed or killed backup put into the stores is
// garbage until somebody removes it, and the one thing that must never go by mistake is what a backup still needs: so
// all that is listed here is a reason to leave it alone. Pure.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "coordinator/catalog/rows.h"
#include "coordinator/core/core.h"

namespace holdfast {

// How sure it is that a node would have told of a backup it is making or has made.
struct NodeContact {
  Timestamp online_since;  // never: it is not online
  bool idle = false;       // it said last that none of its jobs runs
  bool gone = false;       // revoked: nothing it says counts any more
  friend bool operator==(const NodeContact&, const NodeContact&) = default;
};

// What the catalog says of a backup and its job.
struct KnownBackup {
  BackupState state = BackupState::running;
  NodeId node;
  Timestamp finished_at;
  bool given_up = false;  // its job was ended by the coordinator's word alone: the node may still be at it
};

struct StrayInput {
  DatabaseId database;
  std::vector<StoreObjects> stores;  // everything below "<database>/backups/" of every store, listed without an error
  std::set<std::string> needed;      // objects that records name beside their own
  std::map<BackupId, KnownBackup> known;
  std::set<BackupId> open;   // of jobs that have not ended, orders that have not been acknowledged
  bool backup_runs = false;  // of this database: it may go on from what one that was cut off had stored
  std::map<NodeId, NodeContact> nodes;
  std::vector<NodeId> members;             // of the database
  std::map<BackupId, StraySighting> seen;  // at earlier sweeps
  Timestamp now;
  Micros grace{};
};

struct StrayBackup {
  BackupId backup;
  std::string why;  // "failed at ...": for the audit log
  std::vector<StoreObjects> stores;
};
struct StrayDecision {
  std::vector<StrayBackup> remove;
  std::map<BackupId, StraySighting> seen;  // replaces what was seen before
  std::map<BackupId, std::string> spared;  // what lies there without a record and stays; why
};

// A backup that the catalog knows as failed: its objects go when they have lain unchanged for `grace` since it ended
// and its node is there (or revoked), so that it could have said otherwise; when only the coordinator ended it, the
// node must say besides that none of its jobs runs. One that the catalog does not know: when they have lain unchanged
// for a day or the grace, whichever is longer, and every node of the database has been there for the last hour of it
// and runs no job.
StrayDecision decide_strays(const StrayInput& input);

}  // namespace holdfast
