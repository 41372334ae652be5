#pragma once
// What an agent keeps on its disk so that its next backups need not read everything: of each database, its parents and
// the blocks that changed since.
#include <map>
#include <memory>

#include "agent/incremental/attempt_cache.h"
#include "agent/incremental/change_tracker.h"
#include "agent/incremental/change_trust.h"
#include "agent/incremental/parent_cache.h"
#include "shared/base/mutex.h"

namespace holdfast {

// Safe from many threads. All of it may be deleted while the agent is down: that costs bytes, never data.
class IncrementalMemory {
 public:
  // Below `directory`, which is the agent's alone.
  IncrementalMemory(FileSystem& files, Clock& clock, Logger log, std::string directory);
  ParentCache& parents() { return parents_; }
  AttemptCache& attempts() { return attempts_; }
  ChangeTrust& trust() { return trust_; }
  // The same one each time, for as long as anybody has it or it is kept here.
  std::shared_ptr<ChangeTracker> tracker(DatabaseId database);

 private:
  FileSystem& files_;
  Clock& clock_;
  const Logger log_;
  const std::string directory_;
  ParentCache parents_;
  AttemptCache attempts_;
  ChangeTrust trust_;
  Guarded<std::map<DatabaseId, std::shared_ptr<ChangeTracker>>> trackers_;
};

}  // namespace holdfast
