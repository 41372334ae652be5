#pragma once
// Segments fetched ahead into files, in background threads. A file is handed out by its name and moved into its place
// by who asked: the segment passes through no socket and lies in nobody's memory.
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/restore/wal_service.h"

namespace holdfast {

// Safe from many threads, meant for one reader that goes forward.
class SegmentFiles {
 public:
  // A new directory of the owner's takes the place of one that is there; it goes with this object. On the file system
  // of the server's log a segment is moved without being copied.
  static Result<std::unique_ptr<SegmentFiles>> make(const WalServiceOptions& options, WalSource source);
  ~SegmentFiles();
  SegmentFiles(const SegmentFiles&) = delete;
  SegmentFiles& operator=(const SegmentFiles&) = delete;

  // Path of a whole segment, which is the caller's to take away. Begins to fetch the ones after it. A failure is not
  // remembered: the next call asks the source again.
  Result<std::string> get(const WalSegment& segment);
  Result<Bytes> history(Timeline timeline) { return source_.history(timeline); }

 private:
  SegmentFiles(const WalServiceOptions& options, WalSource source);
  struct Slot {
    std::optional<Result<>> fetched;  // empty: somebody fetches it
  };
  bool beyond_limit(const WalSegment& segment) const;
  std::string path_of(const WalSegment& segment) const;
  Result<> fetch(const WalSegment& segment) const;
  Result<> fill(const WalSegment& segment, int fd) const;
  void fetch_ahead();
  void look_ahead(const WalSegment& from);  // with mutex_ held

  const WalServiceOptions options_;
  const WalSource source_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<WalSegment, Slot> slots_;
  std::deque<WalSegment> wanted_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace holdfast
