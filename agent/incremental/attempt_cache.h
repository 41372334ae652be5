#pragma once
// Packs of full backups that are not complete, on this host's disk. Losing it costs bytes (a backup that was cut off
// begins anew), never data.
#include <string>
#include <vector>

#include "agent/incremental/attempt_pack.h"
#include "shared/base/ids.h"
#include "shared/os/file_system.h"

namespace holdfast {

// Safe from many threads. Files are 0600: they name files of the database.
class AttemptCache {
 public:
  AttemptCache(FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}

  // On disk when it returns.
  Result<> save(DatabaseId database, const AttemptPack& pack);
  // In no order, without those that cannot be read.
  Result<std::vector<AttemptPack>> load(DatabaseId database);
  Result<> forget(DatabaseId database);

 private:
  std::string place_of(DatabaseId database) const { return directory_ + "/" + database.text(); }
  FileSystem& files_;
  const std::string directory_;
};

}  // namespace holdfast
