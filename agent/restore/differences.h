#pragma once
// Files that are there already, made equal to a backup's: only what differs is fetched and written.
#include <functional>
#include <vector>

#include "agent/restore/file_restore.h"
#include "agent/restore/restore_places.h"

namespace holdfast {

struct DifferencesOptions {
  OsUser owner;              // whose the files are; reads and writes are done as him
  unsigned workers = 0;      // 0: half the cores, at least 2
  std::vector<bool> filled;  // of Manifest::files: those with old content; the others are new and all zeros
};

struct Differences {
  std::uint64_t compared = 0;  // bytes of the backup's content that this host had and that were looked at
  std::uint64_t fetched = 0;   // plain bytes of the frames that were fetched
  std::uint64_t written = 0;
  std::uint64_t frames_fetched = 0;
};

// Every file of the manifest must be there with its length. A frame is left where it is when the bytes that its extents
// have here hash to its content; otherwise it is fetched and the pages that differ are written. A frame of which the
// backup needs only a part (its other pages were changed since) cannot be judged by its hash and is always fetched.
// Pages of no extent are made zero, as holes where the file system can. Each worker keeps at most two frames in memory.
// Not synced. Code::conflict: a file changed its length meanwhile.
Result<Differences> write_differences(const BackupReader& reader, const RestorePlaces& places,
                                      const DifferencesOptions& options, const StopToken& stop,
                                      const RestoreProgress& progress);

}  // namespace holdfast
