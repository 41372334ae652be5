#include "agent/incremental/change_tracker.h"

#include <fmt/format.h>

#include <algorithm>

namespace holdfast {
namespace {

Lsn next_page(Lsn lsn) {
  const Lsn page = start_of_page(lsn);
  return page == lsn ? page : page + wal_page_size;
}

}  // namespace

ChangeTracker::ChangeTracker(Settings settings, FileSystem& files, Clock& clock, Logger log)
    : settings_(std::move(settings)), files_(files), clock_(clock), log_(std::move(log)) {}

ChangeTracker::~ChangeTracker() {
  const std::lock_guard lock(mutex_);
  flush();
}

Result<> ChangeTracker::open(SystemId system_id) {
  if (log_on_disk_ && system_id_ == system_id) return {};
  log_on_disk_ = TRY(ChangeLog::open(files_, settings_.directory, system_id));
  system_id_ = system_id;
  return {};
}

// From the start of a page, since only its header says where its first record begins.
Lsn ChangeTracker::wants_from(const Stream& shipping) {
  const std::lock_guard lock(mutex_);
  Lsn from = shipping.from;
  if (const auto opened = open(shipping.system_id); opened) {
    const auto known = log_on_disk_->end_of(shipping.timeline);
    const bool near = known && *known <= from && from - *known <= settings_.most_read_again;
    if (near) from = *known;
  }
  return start_of_page(from);
}

void ChangeTracker::begin(const Stream& stream) {
  const std::lock_guard lock(mutex_);
  flush();
  map_ = ChangeMap();
  reader_.reset();
  broken_until_.reset();
  stream_ = stream;
  if (const auto opened = open(stream.system_id); !opened) {
    log_.error("changed blocks cannot be kept: incremental backups will read everything", opened.error());
    return;
  }
  Lsn at = stream.from;
  // What is known already need not be reported again.
  if (const auto known = log_on_disk_->end_of(stream.timeline); known && *known > at) at = *known;
  reader_.emplace(stream.segment_size, stream.system_id);
  reader_->begin(stream.timeline, at);
  flushed_ = at;
  flushed_at_.reset();
}

void ChangeTracker::received(Lsn start, ByteView bytes) {
  const std::lock_guard lock(mutex_);
  if (!reader_) return;
  if (broken_until_) {
    if (start < *broken_until_) return;
    broken_until_.reset();
    const Lsn at = next_page(start);
    reader_->begin(stream_.timeline, at);
    flushed_ = at;
  }
  if (auto read = reader_->add(start, bytes, map_); !read) return give_up(read.error());
  read_on_.notify_all();
  const Lsn through = reader_->read_through();
  const bool much = through > flushed_ && through - flushed_ >= settings_.interval;
  // The first of a stream at once: a restart reads on from what is on disk, and must find something there.
  const bool begun = !flushed_at_ && through > flushed_;
  const bool old = flushed_at_ && clock_.monotonic() - *flushed_at_ >= settings_.longest_in_memory;
  if (much || begun || old) flush();
}

// The doubt stays in the log. From the next segment on it may go better: a map from there on is worth something again.
void ChangeTracker::give_up(const Error& error) {
  log_.error("the WAL cannot be read for changed blocks: the next incremental backup reads everything", error);
  flush();
  const std::uint64_t segment = stream_.segment_size.bytes();
  broken_until_ = Lsn((reader_->read_through().value() / segment + 1) * segment);
  map_ = ChangeMap();
}

void ChangeTracker::flush() {
  if (!reader_ || broken_until_) return;
  const Lsn from = std::max(flushed_, reader_->read_from());
  const Lsn through = std::max(from, reader_->read_through());
  if (from == through && map_.doubts().empty()) return;
  flushed_at_ = clock_.monotonic();
  if (auto kept = log_on_disk_->append(stream_.timeline, from, through, map_); !kept) {
    // Kept in memory: the next flush tries it again with more.
    log_.warning("changed blocks cannot be written down", {{"error", kept.error().text()}});
    return;
  }
  map_ = ChangeMap();
  flushed_ = through;
}

void ChangeTracker::cut() {
  const std::lock_guard lock(mutex_);
  flush();
}

Result<> ChangeTracker::wait_until_read(const WalPlace& place, Micros timeout, const StopToken& stop) {
  const Micros deadline = clock_.monotonic() + timeout;
  std::unique_lock lock(mutex_);
  while (true) {
    if (reader_ && !broken_until_ && stream_.timeline == place.timeline && reader_->read_through() >= place.lsn) {
      return {};
    }
    if (stop.stop_requested()) return fail(Code::cancelled, "a stop was requested");
    if (clock_.monotonic() >= deadline) {
      return fail(Code::timed_out, fmt::format("the WAL was not read up to {} in time", place.lsn));
    }
    read_on_.wait_for(lock, std::chrono::milliseconds(50));
  }
}

Result<ChangeMap> ChangeTracker::between(const TimelineHistory& history, const WalPlace& from, const WalPlace& to) {
  const std::lock_guard lock(mutex_);
  if (!log_on_disk_) return fail(Code::not_found, "the WAL is not being read yet");
  flush();
  return log_on_disk_->union_of(history, from, to);
}

void ChangeTracker::prune_before(const WalPlace& place) {
  const std::lock_guard lock(mutex_);
  if (!log_on_disk_) return;
  if (auto pruned = log_on_disk_->prune_before(place); !pruned) {
    log_.warning("old changed blocks cannot be removed", {{"error", pruned.error().text()}});
  }
}

void ChangeTracker::forget() {
  const std::lock_guard lock(mutex_);
  if (!reader_ || !log_on_disk_) return;
  flush();
  if (auto noted = log_on_disk_->prune_before({stream_.timeline, flushed_}); !noted) {
    log_.error("changed blocks that are wrong cannot be removed", noted.error());
  }
}

}  // namespace holdfast
