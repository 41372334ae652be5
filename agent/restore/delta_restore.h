#pragma once
// The files of a backup out of a directory that has most of them already.
#include "agent/restore/differences.h"
#include "agent/restore/file_clones.h"
#include "shared/base/ids.h"

namespace holdfast {

struct DeltaResult {
  Differences content;
  std::uint64_t files = 0;
  std::uint64_t moved = 0;  // entries that the backup does not have, now beside the directory
};

// Into the directory itself. There is no way back: what differs is overwritten. The directory must be marked
// (mark_incomplete) and is still marked when this returns: the caller clears the mark when a server may start. Run
// again after a failure or a crash, it goes on from what is there. What the backup does not have is moved to
// leftovers_name(). Everything is on disk when it returns.
Result<DeltaResult> restore_over(const BackupReader& reader, const FileRestoreOptions& options, RestoreId restore,
                                 const StopToken& stop, const RestoreProgress& progress);

// Into a new directory, with clones of the files that this restore has set aside, which stay as they are. The new one
// is marked too until the caller clears it: its old files make it look whole before it is. A failed run leaves what it
// wrote: the caller removes it.
Result<DeltaResult> restore_from_clones(const BackupReader& reader, const FileRestoreOptions& options,
                                        RestoreId restore, const FileClones& clones, const StopToken& stop,
                                        const RestoreProgress& progress);

// Content that is still to be fetched, at most, given the files that are there: for space checks.
std::uint64_t missing_bytes(const Manifest& manifest, const RestorePlaces& places);

}  // namespace holdfast
