#include "agent/restore/segment_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "agent/restore/owned_files.h"
#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

constexpr unsigned most_threads = 2;  // two that decrypt keep up with one that replays

std::unexpected<Error> os_error(std::string_view what, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", what, path)));
}

Result<> write_at(int fd, ByteView bytes, std::uint64_t position, const std::string& path) {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote = ::pwrite(fd, bytes.data() + done, bytes.size() - done, static_cast<off_t>(position + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return os_error("write", path);
    done += static_cast<std::size_t>(wrote);
  }
  // The server makes each segment durable when it takes it over (KeepFileRestoredFromArchive in access/transam/
  // xlogarchive.c): it need not wait for what the disk has begun with now.
  (void)::sync_file_range(fd, static_cast<off_t>(position), static_cast<off_t>(bytes.size()), SYNC_FILE_RANGE_WRITE);
  return {};
}

}  // namespace

Result<std::unique_ptr<SegmentFiles>> SegmentFiles::make(const WalServiceOptions& options, WalSource source) {
  {
    const ActingAs acting = TRY(ActingAs::user(options.owner));
    TRY(remove_tree(options.directory));
    if (::mkdir(options.directory.c_str(), 0700) != 0) return os_error("create", options.directory);
  }
  return std::unique_ptr<SegmentFiles>(new SegmentFiles(options, std::move(source)));
}

SegmentFiles::SegmentFiles(const WalServiceOptions& options, WalSource source)
    : options_(options), source_(std::move(source)) {
  const unsigned count = std::min(options_.prefetch, most_threads);
  for (unsigned i = 0; i < count; ++i) threads_.emplace_back([this] { fetch_ahead(); });
}

SegmentFiles::~SegmentFiles() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  threads_.clear();
  // What cannot be removed is only in the way: the server knows no file of that name.
  const auto acting = ActingAs::user(options_.owner);
  if (acting) (void)remove_tree(options_.directory).has_value();
}

bool SegmentFiles::beyond_limit(const WalSegment& segment) const {
  return options_.through && start_of(segment, options_.segment_size) >= *options_.through;
}

std::string SegmentFiles::path_of(const WalSegment& segment) const {
  return options_.directory + "/" + segment_name(segment, options_.segment_size);
}

Result<> SegmentFiles::fetch(const WalSegment& segment) const {
  if (beyond_limit(segment)) {
    return fail(Code::not_found, fmt::format("segment {} is after the end of this restore",
                                             segment_name(segment, options_.segment_size)));
  }
  const std::string path = path_of(segment);
  UniqueFd fd;
  {
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    ::unlink(path.c_str());
    fd = UniqueFd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!fd) return os_error("create", path);
  }
  auto filled = fill(segment, fd.get());
  if (!filled) ::unlink(path.c_str());
  return filled;
}

Result<> SegmentFiles::fill(const WalSegment& segment, int fd) const {
  const std::uint32_t size = options_.segment_size.bytes();
  const std::string path = path_of(segment);
  std::uint64_t position = 0;
  const auto written = TRY(source_.segment(segment.timeline, start_of(segment, options_.segment_size), size,
                                           [&](ByteView piece) -> Result<> {
                                             TRY(write_at(fd, piece, position, path));
                                             position += piece.size();
                                             return {};
                                           }));
  if (written != position || written > size) {
    return fail(Code::corrupt,
                fmt::format("segment {} has {} bytes", segment_name(segment, options_.segment_size), position));
  }
  // Where the log ends its last segment goes on with zeros.
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) return os_error("extend", path);
  return {};
}

Result<std::string> SegmentFiles::get(const WalSegment& segment) {
  std::string path = path_of(segment);
  std::unique_lock lock(mutex_);
  if (const auto ahead = slots_.find(segment); ahead != slots_.end()) {
    changed_.wait(lock, [&] { return ahead->second.fetched.has_value(); });
    // Taken away already, or fetched too early: the server may ask twice.
    if (*ahead->second.fetched && ::access(path.c_str(), F_OK) == 0) {
      look_ahead(segment);
      return path;
    }
    slots_.erase(ahead);
  }
  slots_.try_emplace(segment);
  lock.unlock();
  Result<> fetched = fetch(segment);
  lock.lock();
  slots_[segment].fetched = fetched;
  if (!fetched) {
    slots_.erase(segment);
    return std::unexpected(std::move(fetched).error());
  }
  look_ahead(segment);
  return path;
}

void SegmentFiles::look_ahead(const WalSegment& from) {
  std::erase_if(slots_, [&](const auto& slot) {
    const bool useful = slot.first.timeline == from.timeline && slot.first.number >= from.number &&
                        slot.first.number <= from.number + options_.prefetch;
    const bool goes = !useful && slot.second.fetched.has_value();
    if (goes) ::unlink(path_of(slot.first).c_str());
    return goes;
  });
  for (std::uint64_t i = 1; i <= options_.prefetch; ++i) {
    const WalSegment next{from.timeline, from.number + i};
    if (beyond_limit(next) || !slots_.try_emplace(next).second) continue;
    wanted_.push_back(next);
  }
  changed_.notify_all();
}

void SegmentFiles::fetch_ahead() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !wanted_.empty(); });
    if (stopping_) return;
    const WalSegment segment = wanted_.front();
    wanted_.pop_front();
    lock.unlock();
    Result<> fetched = fetch(segment);
    lock.lock();
    slots_[segment].fetched = std::move(fetched);
    changed_.notify_all();
  }
}

}  // namespace holdfast
