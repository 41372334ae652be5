#pragma once
// Remembers a full backup while it is made, pack by pack.
#include <map>
#include <mutex>
#include <vector>

#include "agent/incremental/attempt_cache.h"
#include "agent/postgres/copy_plan.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"
#include "shared/repository/backup_writer.h"

namespace holdfast {

// Safe from many threads. Holds in memory what is not in a stored pack yet.
class AttemptRecorder {
 public:
  struct Parts {
    AttemptCache& cache;
    Clock& clock;
    Logger log;
  };
  // `entries` outlives it.
  AttemptRecorder(DatabaseId database, const ClusterTraits& traits, WalPlace start,
                  const std::vector<DataFile>& entries, Parts parts)
      : database_(database), traits_(traits), start_(start), entries_(entries), parts_(std::move(parts)) {}

  // CopyPlan::stored: always before the pack that the frame is in.
  void frame_stored(std::uint32_t frame, std::vector<CopiedStretch> stretches);
  // BackupWriterOptions::pack_stored. What cannot be remembered would be read again.
  void pack_stored(const StoredPack& stored);

 private:
  AttemptPack describe(const StoredPack& stored);

  const DatabaseId database_;
  const ClusterTraits traits_;
  const WalPlace start_;
  const std::vector<DataFile>& entries_;
  const Parts parts_;
  std::mutex mutex_;                                             // guards waiting_
  std::map<std::uint32_t, std::vector<CopiedStretch>> waiting_;  // by frame
};

}  // namespace holdfast
