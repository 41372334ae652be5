#pragma once
// What lies in a data directory that is overwritten and is not of the backup: moved beside it, never deleted.
#include <string>
#include <vector>

#include "agent/restore/restore_places.h"
#include "shared/base/ids.h"

namespace holdfast {

// "<path>.holdfast-before-<restore>.leftovers": where what lay below `path` goes, under the same relative names.
std::string leftovers_name(const std::string& path, RestoreId restore);
// Of a data directory and of the tablespaces it links to, as far as they are there.
std::vector<std::string> leftovers_of(const std::string& data_directory, RestoreId restore);

struct ExistingDirectoryOptions {
  OsUser owner;
  RestoreId restore;
  std::vector<std::string> left_alone;  // relative to the data directory
};

struct ExistingEntries {
  // For each of Manifest::files: whether something of its kind is in its place, which can be overwritten.
  std::vector<bool> kept;
  std::uint64_t moved = 0;  // entries, a directory with all that is in it as one
};

// Moves everything aside that the backup does not have, and what it has as something else: another kind of file,
// another user's, a link that leads elsewhere, a file with a second name (writing to it would change both). Follows no
// link. Links of tablespaces are compared with their places; below these only the directory of the backup's version is
// looked at. Code::conflict: something cannot be moved, such as a mount point.
Result<ExistingEntries> sort_out_existing(const Manifest& manifest, const RestorePlaces& places,
                                          const ExistingDirectoryOptions& options);

}  // namespace holdfast
