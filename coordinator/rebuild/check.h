#pragma once
// A catalog and its stores side by side; nothing is changed. Beside a running coordinator too.
#include "coordinator/rebuild/differences.h"
#include "coordinator/shell/store_opener.h"

namespace holdfast {

// names_and_sizes: what listings and the small signed objects say. every_byte: what lies there is read and compared
// with the hashes in the records.
enum class CheckDepth : std::uint8_t { names_and_sizes, every_byte };

struct CheckOptions {
  CheckDepth depth = CheckDepth::names_and_sizes;
  Timestamp now;            // what the stores got within the last minutes may not have been told yet
  std::size_t threads = 8;  // databases that are read at once
};

struct CheckReport {
  std::string fleet_name;
  std::vector<std::string> stores;    // that were read
  std::vector<std::string> warnings;  // sentences
  std::size_t databases = 0;
  std::size_t backups = 0;
  std::vector<CatalogDifference> differences;  // in order
};

// What differs is looked at a second time, with the catalog as it is by then: what was only on its way is no
// difference.
Result<CheckReport> check_catalog(FileSystem& files, const OpenStore& open, const std::string& state_directory,
                                  const CheckOptions& options);

}  // namespace holdfast
