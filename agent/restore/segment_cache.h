#pragma once
// Segments fetched ahead, in background threads.
#include <condition_variable>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "agent/restore/wal_service.h"

namespace holdfast {

// Safe from many threads, meant for one reader that goes forward.
class SegmentCache {
 public:
  SegmentCache(WalSource source, WalSegmentSize size, unsigned ahead, std::optional<Lsn> through);
  ~SegmentCache();
  SegmentCache(const SegmentCache&) = delete;
  SegmentCache& operator=(const SegmentCache&) = delete;

  using Content = std::shared_ptr<const Bytes>;
  // Begins to fetch the ones after it. A failure is not remembered: the next call asks the source again.
  Result<Content> get(const WalSegment& segment);
  Result<Bytes> history(Timeline timeline) { return source_.history(timeline); }

 private:
  struct Slot {
    std::optional<Result<Content>> content;  // empty: somebody fetches it
  };
  bool beyond_limit(const WalSegment& segment) const;
  Result<Content> fetch(const WalSegment& segment);
  void fetch_ahead();
  void look_ahead(const WalSegment& from);  // with mutex_ held

  const WalSource source_;
  const WalSegmentSize size_;
  const unsigned ahead_;
  const std::optional<Lsn> through_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::map<WalSegment, Slot> slots_;
  std::deque<WalSegment> wanted_;
  bool stopping_ = false;
  std::vector<std::jthread> threads_;
};

}  // namespace holdfast
