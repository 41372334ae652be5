#pragma once
// What the stores say of one database, with nothing but their objects and the fleet's root key: read by whoever has no
// catalog, or does not believe it.
#include <map>
#include <optional>
#include <set>

#include "shared/fleet/fleet.h"
#include "shared/repository/backup_reader.h"

namespace holdfast {

// An object that is there and does not do is a Finding; it is named and never counts.
struct StoredBackup {
  BackupRecord record;
  Bytes bytes;                     // of the record, as stored
  std::vector<BackupCopy> copies;  // of each store that has any of its own objects, by the objects' names and sizes
};
// nullptr: not among them.
const StoredBackup* find_backup(const std::vector<StoredBackup>& backups, BackupId id);

struct StoredEpoch {
  EpochInfo info;
  NodeId node;
  Timestamp created_at;
  CertificateChain chain;  // of the node that writes under it
};

struct StoredDatabase {
  DatabaseId id;
  std::optional<DatabaseRecord> record;
  std::vector<StoredEpoch> epochs;
  std::vector<StoredBackup> backups;   // with a sound record and not released; ordered by id
  std::vector<StoredBackup> released;  // marked as released, and their record is still there
  std::set<BackupId> marked;           // all that are marked as released
  // Objects of backups that no store has a record or a mark of, and that no other backup needs.
  std::map<BackupId, std::size_t> unrecorded;
  std::vector<WalRange> wal;  // over all stores
  std::vector<TimelineChange> timelines;
  std::vector<Finding> problems;
  std::uint64_t newest_coordinator = 0;  // the highest epoch of a coordinator that a mark of release tells of
};

// Every database that any of the stores has a name of. The error of a store that cannot be asked.
Result<std::set<DatabaseId>> databases_in(const std::vector<NamedStore>& stores);

// Errors are of stores that cannot be asked; what lies in them and is not sound goes into `problems`.
Result<StoredDatabase> read_stored_database(const std::vector<NamedStore>& stores, const TrustAnchor& anchor,
                                            DatabaseId database);

}  // namespace holdfast
