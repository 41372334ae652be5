#include "agent/restore/segment_cache.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {

SegmentCache::SegmentCache(WalSource source, WalSegmentSize size, unsigned ahead, std::optional<Lsn> through)
    : source_(std::move(source)), size_(size), ahead_(ahead), through_(through) {
  const unsigned count = std::min(ahead, 2U);  // two cores' worth of decrypting keeps up with one that replays
  for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { fetch_ahead(); });
}

SegmentCache::~SegmentCache() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
}

bool SegmentCache::beyond_limit(const WalSegment& segment) const {
  return through_ && start_of(segment, size_) >= *through_;
}

Result<SegmentCache::Content> SegmentCache::fetch(const WalSegment& segment) {
  if (beyond_limit(segment)) {
    return fail(Code::not_found,
                fmt::format("segment {} is after the end of this restore", segment_name(segment, size_)));
  }
  return std::make_shared<const Bytes>(TRY(source_.segment(segment.timeline, start_of(segment, size_), size_.bytes())));
}

Result<SegmentCache::Content> SegmentCache::get(const WalSegment& segment) {
  std::unique_lock lock(mutex_);
  if (const auto ahead = slots_.find(segment); ahead != slots_.end()) {
    changed_.wait(lock, [&] { return ahead->second.content.has_value(); });
    if (*ahead->second.content) {
      Result<Content> content = *ahead->second.content;
      look_ahead(segment);
      return content;
    }
    slots_.erase(ahead);  // fetched too early, perhaps: ask again
  }
  lock.unlock();
  Result<Content> content = fetch(segment);
  lock.lock();
  if (content) {
    slots_[segment].content = content;  // kept: the server asks twice for the segment recovery begins in
    look_ahead(segment);
  }
  return content;
}

void SegmentCache::look_ahead(const WalSegment& from) {
  std::erase_if(slots_, [&](const auto& slot) {
    const bool useful = slot.first.timeline == from.timeline && slot.first.number >= from.number &&
                        slot.first.number <= from.number + ahead_;
    return !useful && slot.second.content.has_value();
  });
  for (std::uint64_t i = 1; i <= ahead_ && !threads_.empty(); ++i) {
    const WalSegment next{from.timeline, from.number + i};
    if (beyond_limit(next) || !slots_.try_emplace(next).second) continue;
    wanted_.push_back(next);
  }
  changed_.notify_all();
}

void SegmentCache::fetch_ahead() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !wanted_.empty(); });
    if (stopping_) return;
    const WalSegment segment = wanted_.front();
    wanted_.pop_front();
    lock.unlock();
    Result<Content> content = fetch(segment);
    lock.lock();
    slots_[segment].content = std::move(content);
    changed_.notify_all();
  }
}

}  // namespace holdfast
