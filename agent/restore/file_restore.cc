#include "agent/restore/file_restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "agent/restore/owned_files.h"
#include "agent/restore/restore_places.h"
#include "shared/base/unique_handle.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

std::unexpected<Error> os_error(std::string_view what, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", what, path)));
}

constexpr std::uint64_t worth_preallocating = 1U << 20U;
constexpr std::uint64_t worth_writing_back = 64U << 10U;

// The disk begins with it now. Left to itself the system gathers a part of the host's memory first, and the sync at the
// end waits for all of that while nobody computes. A file system that cannot loses that time.
void begin_write_back(int fd, std::uint64_t position, std::uint64_t length) {
  (void)::sync_file_range(fd, static_cast<off_t>(position), static_cast<off_t>(length), SYNC_FILE_RANGE_WRITE);
}

// Files that one worker has open: the pages of a frame, and of the next ones, often go to the same few.
class OpenFiles {
 public:
  // As whoever we act as. The descriptor lives until enough others were asked for.
  Result<int> get(std::uint32_t file, const std::string& path) {
    if (const auto known = open_.find(file); known != open_.end()) return known->second.get();
    if (open_.size() >= most_) open_.clear();
    UniqueFd fd(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return os_error("open", path);
    return open_.emplace(file, std::move(fd)).first->second.get();
  }

 private:
  static constexpr std::size_t most_ = 128;
  std::map<std::uint32_t, UniqueFd> open_;
};

class Run {
 public:
  Run(const BackupReader& reader, const FileRestoreOptions& options, const StopToken& stop,
      const RestoreProgress& progress)
      : reader_(reader),
        manifest_(reader.manifest()),
        options_(options),
        places_(manifest_, options.directory, options.tablespaces),
        stop_(stop),
        progress_(progress),
        total_(content_bytes(manifest_)) {}

  Result<FileRestoreResult> run() {
    TRY(places_.check());
    TRY(check_empty(options_.directory));
    TRY(check_room(options_.directory, total_));
    for (const auto& root : places_.roots()) TRY(make_owned_directory(root, options_.owner, 0700));
    TRY(make_entries());
    TRY(write_content());
    TRY(finish_entries(manifest_, places_, options_.owner));
    if (options_.ownership == Ownership::as_recorded && ::geteuid() == 0) TRY(give_to_recorded_owners());
    TRY(sync_file_systems(places_.roots()));
    return result_;
  }

 private:
  Result<> make_entries() {
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    for (const ManifestFile& file : manifest_.files) {
      const std::string path = places_.of(file);
      switch (file.kind) {
        case EntryKind::directory:
          // Writable for us until its content is there; its own mode comes at the end.
          if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return os_error("create", path);
          break;
        case EntryKind::link:
          if (::symlink(places_.link_target(file).c_str(), path.c_str()) != 0) return os_error("create link", path);
          break;
        case EntryKind::file: {
          const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
          if (!fd) return os_error("create", path);
          // The whole length at once: what no extent names stays a hole and reads as zeros.
          if (::ftruncate(fd.get(), static_cast<off_t>(file.size)) != 0) return os_error("extend", path);
          TRY(preallocate(fd.get(), file, path));
          ++result_.files;
          break;
        }
      }
    }
    return {};
  }

  // In one piece where nothing of it stays a hole. Small files lie in one piece anyway.
  Result<> preallocate(int fd, const ManifestFile& file, const std::string& path) const {
    if (file.size < worth_preallocating) return {};
    std::uint64_t content = 0;
    for (const Extent& extent : file.extents) content += extent_bytes(manifest_, file, extent);
    if (content != file.size || ::fallocate(fd, 0, 0, static_cast<off_t>(file.size)) == 0) return {};
    // Some file systems cannot, and need not.
    return errno == ENOSPC || errno == EDQUOT ? Result<>(os_error("find room for", path)) : Result<>();
  }

  Result<> write_content() {
    const auto frames = placements_by_frame(manifest_);
    std::atomic<std::uint32_t> next{0};
    std::optional<Error> problem;
    const auto work = [&] {
      const Result<> done = work_through(frames, next);
      if (done) return;
      const std::lock_guard lock(mutex_);
      if (!problem) problem = done.error();
      failed_ = true;
    };
    unsigned workers = options_.workers;
    if (workers == 0) workers = std::max(2U, std::thread::hardware_concurrency() / 2);
    {
      std::vector<std::jthread> threads;
      for (unsigned i = 0; i < workers; ++i) threads.emplace_back(work);
    }
    if (problem) return std::unexpected(std::move(*problem));
    return {};
  }

  Result<> work_through(const std::vector<std::vector<FramePlacement>>& frames, std::atomic<std::uint32_t>& next) {
    FrameDecoder decoder;
    OpenFiles open;
    Bytes plain;  // its memory is used again
    for (;;) {
      const std::uint32_t frame = next.fetch_add(1);
      if (frame >= frames.size() || failed_) return {};
      if (stop_.stop_requested()) return fail(Code::cancelled, "the restore was stopped");
      if (frames[frame].empty()) continue;
      plain = TRY(reader_.read_frame(frame, decoder, std::move(plain)));
      const std::uint64_t bytes = TRY(place_all(frames[frame], plain, open));
      const std::lock_guard lock(mutex_);
      result_.bytes += bytes;
      if (progress_) progress_(result_.bytes, total_);
    }
  }

  // As the owner only while files are written: the stores are ours to read, not the database's user's.
  Result<std::uint64_t> place_all(const std::vector<FramePlacement>& placements, const Bytes& plain, OpenFiles& open) {
    const ActingAs acting = TRY(ActingAs::user(options_.owner));
    std::uint64_t bytes = 0;
    for (const FramePlacement& placement : placements) bytes += TRY(place(placement, plain, open));
    return bytes;
  }

  Result<std::uint64_t> place(const FramePlacement& placement, const Bytes& plain, OpenFiles& open) {
    const ManifestFile& file = manifest_.files[placement.file];
    const Extent& extent = file.extents[placement.extent];
    const std::uint64_t length = extent_bytes(manifest_, file, extent);
    if (extent.offset > plain.size() || plain.size() - extent.offset < length) {
      return fail(Code::corrupt, fmt::format("frame {} is too short for \"{}\"", extent.frame, file.path));
    }
    const std::string path = places_.of(file);
    const int fd = TRY(open.get(placement.file, path));
    const std::uint64_t position = extent.first_page * manifest_.page_size;
    std::uint64_t done = 0;
    while (done < length) {
      const ssize_t wrote =
          ::pwrite(fd, plain.data() + extent.offset + done, length - done, static_cast<off_t>(position + done));
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote <= 0) return os_error("write", path);
      done += static_cast<std::uint64_t>(wrote);
    }
    if (length >= worth_writing_back) begin_write_back(fd, position, length);
    return length;
  }

  // Names this host does not know stay with the given owner.
  Result<> give_to_recorded_owners() {
    std::map<std::string, std::optional<OsUser>> known;
    for (const ManifestFile& file : manifest_.files) {
      auto [entry, is_new] = known.try_emplace(file.owner);
      if (is_new) {
        if (auto user = user_by_name(file.owner)) entry->second = *user;
      }
      if (!entry->second || entry->second->uid == options_.owner.uid) continue;
      const std::string path = places_.of(file);
      // A change of owner clears the setuid bits, which no database file has.
      if (::lchown(path.c_str(), entry->second->uid, entry->second->gid) != 0)
        return os_error("change the owner of", path);
    }
    return {};
  }

  const BackupReader& reader_;
  const Manifest& manifest_;
  const FileRestoreOptions& options_;
  const RestorePlaces places_;
  const StopToken& stop_;
  const RestoreProgress& progress_;
  const std::uint64_t total_;
  std::atomic<bool> failed_{false};
  std::mutex mutex_;  // guards result_.bytes, calls of progress_ and the first error while workers run
  FileRestoreResult result_;
};

}  // namespace

std::uint64_t content_bytes(const Manifest& manifest) {
  std::uint64_t total = 0;
  for (const ManifestFile& file : manifest.files) {
    for (const Extent& extent : file.extents) total += extent_bytes(manifest, file, extent);
  }
  return total;
}

Result<FileRestoreResult> restore_files(const BackupReader& reader, const FileRestoreOptions& options,
                                        const StopToken& stop, const RestoreProgress& progress) {
  return Run(reader, options, stop, progress).run();
}

}  // namespace holdfast
