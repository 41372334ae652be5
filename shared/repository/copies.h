#pragma once
// One store's copy of a backup or of a database's log: brought to be whole out of other stores, and looked through.
// Nothing here needs a key.
#include "shared/repository/object_judge.h"
#include "shared/repository/verify.h"

namespace holdfast {

struct CopyPlace {
  NamedStore target;
  std::vector<NamedStore> sources;  // where sound copies may be, nearest first; not the target
};
// looked_up: what is there and has the right size counts as whole. read: it is read and judged.
enum class Thoroughness : std::uint8_t { looked_up, read };

struct CopyHooks {
  VerifyProgress progress = {};                        // its error stops the work
  std::function<void(std::uint64_t bytes)> pace = {};  // before that much is read or written; may wait
};

struct CopyReport {
  std::uint64_t objects = 0;  // there or brought
  std::uint64_t copied = 0;   // brought
  std::uint64_t copied_bytes = 0;
  std::map<std::string, std::uint64_t> served;  // objects, by the store they were read from
  // Stand in the way: damaged in the target, whose objects are write-once. Whoever may remove them has to.
  std::vector<VerifyFinding> damaged;
};

// Brings the target what it lacks, each object judged before it is put, the record last: the copy exists when it is
// whole. What is there already is passed over, so that a copy that was cut off goes on. Not whole at the end: an error,
// or `damaged`.
Result<CopyReport> copy_backup(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database, BackupId backup,
                               Thoroughness thoroughness, const CopyHooks& hooks);
// The same for the log: every object that some source has.
Result<CopyReport> copy_log(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database,
                            Thoroughness thoroughness, const CopyHooks& hooks);

// Reads all of the target's copy and judges it, held against what the sources know. Findings are of the target only.
Result<VerifyReport> scrub_backup(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database,
                                  BackupId backup, const CopyHooks& hooks);
Result<VerifyReport> scrub_log(const CopyPlace& place, const TrustAnchor& anchor, DatabaseId database,
                               const CopyHooks& hooks);

}  // namespace holdfast
