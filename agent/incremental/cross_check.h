#pragma once
// Is the map of changed blocks whole? A full backup reads every page: each one that was written since the parent began,
// by its own LSN, must be one that an incremental backup would have read. PostgreSQL sets a page's LSN to the end of
// the record that changed it (src/backend/access/transam/README, "Write-Ahead Log Coding").
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/changes/file_decision.h"
#include "shared/base/bytes.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

// Safe from many threads.
class CrossCheck {
 public:
  struct Judged {
    std::string path;
    std::uint32_t first_block = 0;  // of the file within its relation fork; for the words only
    FileDecision decision;
  };
  // `files`: by entry, nullopt where nothing is to be said of it. Pages with `since` < LSN <= `through` are judged:
  // what a page was last written by ended in there, so the map that covers [since, through) must name it.
  CrossCheck(std::vector<std::optional<Judged>> files, Lsn since, Lsn through)
      : files_(std::move(files)), since_(since), through_(through) {}

  // Whole pages of the entry, from `offset` on.
  void see(std::size_t entry, std::uint64_t offset, ByteView pages);

  struct Outcome {
    std::uint64_t judged = 0;              // pages written since the parent began, of files that would be read in part
    std::uint64_t missed = 0;              // of these: an incremental backup would have left them as they were
    std::vector<std::string> missed_list;  // "base/5/16384 block 7, LSN 0/3000028", the first 20
  };
  Outcome outcome() const;

 private:
  const std::vector<std::optional<Judged>> files_;
  const Lsn since_;
  const Lsn through_;
  std::atomic<std::uint64_t> judged_{0};
  mutable std::mutex mutex_;  // guards everything below
  std::uint64_t missed_ = 0;
  std::vector<std::string> missed_list_;
};

}  // namespace holdfast
