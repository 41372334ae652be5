#pragma once
// Databases whose map of changed blocks was found to lack one: from then on their incremental backups read everything,
// whatever the map says. Nothing takes that back by itself; an operator does, by removing the file.
#include <optional>
#include <string>

#include "shared/base/ids.h"
#include "shared/os/file_system.h"

namespace holdfast {

// Safe from many threads as long as no two write of the same database.
class ChangeTrust {
 public:
  ChangeTrust(FileSystem& files, std::string directory) : files_(files), directory_(std::move(directory)) {}
  // On disk when it returns.
  Result<> distrust(DatabaseId database, const std::string& why);
  // Why; nullopt: the map is trusted. Whoever cannot find out must not trust.
  Result<std::optional<std::string>> distrusted(DatabaseId database);

 private:
  std::string path_of(DatabaseId database) const { return directory_ + "/" + database.text(); }
  FileSystem& files_;
  const std::string directory_;
};

}  // namespace holdfast
