#pragma once
// What must be seen to when a standby is backed up: another node puts the log that the backup needs into the stores.
#include <set>
#include <string>

#include "agent/postgres/base_backup.h"
#include "shared/repository/backup_reader.h"
#include "shared/store/store.h"

namespace holdfast {

class StandbyBackup {
 public:
  // All outlive it.
  struct Parts {
    const StoreSet& stores;
    TrustAnchor anchor;
    Clock& clock;
    StopToken stop;
  };
  // `log_node`: the name of the node that ships the log; empty: none does.
  StandbyBackup(DatabaseId database, std::string log_node, Parts parts)
      : database_(database), log_node_(std::move(log_node)), parts_(std::move(parts)) {}

  // Once the server has begun it, before anything is read. Code::conflict: the server is no standby any more, or is on
  // its way to another timeline. Code::unavailable, and too_early(): it would begin before the first log that is
  // stored.
  Result<> begins(const BackupSituation& situation);
  // A standby begins where its primary's last checkpoint did: the next one may help, and this one may begin again.
  bool too_early() const { return too_early_; }

  // BaseBackupRequest::wait_for_wal.
  Result<> wait_for_log(Timeline timeline, Lsn start, Lsn stop);
  // After wait_for_log(): the data keys of that log.
  const std::set<EpochId>& epochs() const { return epochs_; }

 private:
  const DatabaseId database_;
  const std::string log_node_;
  const Parts parts_;
  WalSegmentSize segments_;
  bool too_early_ = false;
  std::set<EpochId> epochs_;
};

}  // namespace holdfast
