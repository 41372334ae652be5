#pragma once
// Which packs a backup reads, its own and those of earlier ones, in few bytes: a coordinator has this of every backup.
#include <map>
#include <set>

#include "shared/repository/record.h"

namespace holdfast {

struct PackUse {
  BackupId owner;  // whose name it has; of a backup that was gone on with this may be one that failed
  std::uint32_t number = 0;
  std::uint64_t bytes = 0;
  friend bool operator==(const PackUse&, const PackUse&) = default;
};

struct BackupObjects {
  std::vector<PackUse> packs;     // its own, then those of earlier backups that it still reads
  std::uint64_t other_bytes = 0;  // own objects that are no packs
  std::set<std::string> unusual;  // objects it needs whose names are no pack's
  std::set<std::string> of_earlier(DatabaseId database, BackupId self) const;
};
using ObjectsByBackup = std::map<BackupId, BackupObjects>;

BackupObjects objects_of(const BackupRecord& record);

}  // namespace holdfast
