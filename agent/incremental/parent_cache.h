#pragma once
// The newest backup and the newest full one of each database, on this host's disk: what incremental and differential
// backups begin from. Losing it costs bytes (the next backup reads everything), never data.
#include <optional>
#include <string>

#include "agent/incremental/parent_backup.h"
#include "shared/base/ids.h"
#include "shared/fleet/kinds.h"
#include "shared/os/file_system.h"

namespace holdfast {

// Safe from many threads as long as no two save for the same database.
class ParentCache {
 public:
  // `directory` is made when something is saved. Files are 0600: they name every file of the database.
  ParentCache(FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}

  // After the backup's record was put. `encoded`: of encode_parent().
  Result<> save(DatabaseId database, BackupType type, ByteView encoded);
  // What a backup of this type begins from: the newest one, or the newest full one. nullopt: there is none.
  Result<std::optional<ParentBackup>> load(DatabaseId database, BackupType asked, const SignPublicKey& signer);

 private:
  FileSystem& files_;
  std::string directory_;
};

}  // namespace holdfast
