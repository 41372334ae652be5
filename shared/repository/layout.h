#pragma once
// Names of objects from ids, and back. FORMAT.md lists them.
#include <optional>
#include <string>
#include <string_view>

#include "shared/base/ids.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

std::string fleet_record_name();                                                  // "fleet.record"
std::string database_prefix(DatabaseId database);                                 // "<database>/"
std::string database_record_name(DatabaseId database);                            // "<database>/database.record"
std::string epoch_name(DatabaseId database, EpochId epoch);                       // "<database>/epochs/<epoch>.keys"
std::string backup_prefix(DatabaseId database, BackupId backup);                  // "<database>/backups/<backup>/"
std::string pack_name(DatabaseId database, BackupId backup, std::uint32_t pack);  // ".../pack-0000"
std::string manifest_name(DatabaseId database, BackupId backup);
std::string record_name(DatabaseId database, BackupId backup);
std::string released_name(DatabaseId database, BackupId backup);  // retention mark, before anything is removed
std::string wal_prefix(DatabaseId database, Timeline timeline);   // "<database>/wal/00000001/"
std::string wal_name(DatabaseId database, Timeline timeline, Lsn first, Lsn last);  // 16 hex digits each
std::string history_name(DatabaseId database, Timeline timeline);                   // "<database>/wal/00000002.history"

std::string checkpoint_prefix();  // "coordinator/"
// "coordinator/<epoch>-<sequence>.checkpoint", 16 hex digits each: in the order of names the newest is the last.
std::string checkpoint_name(std::uint64_t coordinator_epoch, std::uint64_t sequence);

// Whose object it is: "<database>/backups/<backup>/..."; nullopt: no backup's.
std::optional<BackupId> backup_of_object(std::string_view object_name);

struct WalName {
  Timeline timeline;
  Lsn first;
  Lsn last;  // exclusive
  friend bool operator==(const WalName&, const WalName&) = default;
};
// nullopt: not the name of a WAL object.
std::optional<WalName> parse_wal_name(std::string_view object_name);

struct CheckpointName {
  std::uint64_t coordinator_epoch = 0;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const CheckpointName&, const CheckpointName&) = default;
};
// nullopt: not the name of a checkpoint.
std::optional<CheckpointName> parse_checkpoint_name(std::string_view object_name);

// "<database>/epochs/<epoch>.keys"; nullopt: no epoch document's name.
std::optional<EpochId> epoch_of_object(std::string_view object_name);
// "<database>/wal/<timeline>.history"; nullopt: no history's name.
std::optional<Timeline> timeline_of_history(std::string_view object_name);

}  // namespace holdfast
