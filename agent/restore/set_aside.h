#pragma once
// What is in the way of a restore, kept beside it under another name until the operator says that it can go.
#include <string>
#include <vector>

#include "shared/base/ids.h"
#include "shared/base/result.h"

namespace holdfast {

struct AsideEntry {
  std::string original;
  std::string aside;
  friend bool operator==(const AsideEntry&, const AsideEntry&) = default;
};

// "<path>.holdfast-before-<restore>"; discovery passes such names over.
std::string aside_name(const std::string& path, RestoreId restore);

// The entries, as they will be or as they were set aside by this restore:
// the data directory and, for each tablespace it links to, the directory of its version in there;
std::vector<AsideEntry> data_directory_entries(const std::string& directory, RestoreId restore);
// the database file with its -wal, -shm and -journal. The names fit each other again, so the copy can be opened as it
// is.
std::vector<AsideEntry> sqlite_entries(const std::string& file, RestoreId restore);

// Renames what is there, durably; all of it or, when one fails, nothing. Code::conflict: an older one of the same name
// is in the way, or the directory is a mount point.
Result<> set_aside(const std::vector<AsideEntry>& entries);
// Removes what is under the original name and renames the old one back, for every entry whose aside exists. Entries
// without one are left alone, so it can be repeated after a crash at any point.
Result<> put_back(const std::vector<AsideEntry>& entries);
// Removes the old ones for good. Can be repeated.
Result<> discard_aside(const std::vector<AsideEntry>& entries);
bool has_aside(const std::vector<AsideEntry>& entries);

}  // namespace holdfast
