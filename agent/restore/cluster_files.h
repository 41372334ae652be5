#pragma once
// What a restored data directory needs besides the files of the backup before a server can start on it.
#include "agent/restore/recovery_settings.h"
#include "agent/restore/restore_checks.h"

namespace holdfast {

// backup_label and tablespace_map, the directories whose content no backup has, recovery.signal, and a configuration
// where the backup has none (Debian keeps it in /etc). Everything belongs to the owner.
Result<> complete_cluster(const RestoreTarget& target, const RestorePlan& plan, const Manifest& manifest,
                          const OsUser& owner);
// postgresql.auto.conf for the recovery; can be called again with another target.
Result<> write_recovery_settings(const std::string& data_directory, const RecoverySettings& settings,
                                 const OsUser& owner);
// Takes the recovery out of postgresql.auto.conf once it is over.
Result<> remove_recovery_settings(const std::string& data_directory, const OsUser& owner);

// Every segment from the backup's start to the end of the log and the timelines' histories into a directory beside the
// cluster, for a recovery without an agent. Returns the bytes.
Result<std::uint64_t> stage_wal(const std::string& directory, const RestorePlan& plan, const BackupRecord& record,
                                const RecoveryTarget& target, const WalSource& wal, const OsUser& owner,
                                const StopToken& stop);

}  // namespace holdfast
