#include "agent/postgres/file_copier.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

constexpr std::size_t bad_list_limit = 100;

// -1: it is not there any more.
Result<UniqueFd> open_file(const std::string& path, const OsUser& owner) {
  const ActingAs user = TRY(ActingAs::user(owner));
  // No link is followed: what was a file when we walked past must not have become a way out of the directory.
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno != ENOENT) return std::unexpected(error_from_errno(errno, fmt::format("open \"{}\"", path)));
  if (!fd) return fd;
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", path)));
  if (!S_ISREG(info.st_mode)) return fail(Code::conflict, fmt::format("\"{}\" is not a file any more", path));
  return fd;
}

// As much as there is, up to the size of `into`.
Result<std::size_t> read_fully(int fd, std::uint64_t offset, std::span<std::uint8_t> into, const std::string& path) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(error_from_errno(errno, fmt::format("read \"{}\" at {}", path, offset + done)));
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::uint32_t pages_in(std::size_t bytes) {
  return static_cast<std::uint32_t>((bytes + page_size - 1) / page_size);
}

}  // namespace

// Plain bytes of one frame in the making and which file each stretch of it came from.
class FileCopier::Frame {
 public:
  struct Piece {
    std::size_t entry;
    Extent extent;
  };
  explicit Frame(std::size_t capacity) : memory_(capacity) {}
  std::span<std::uint8_t> room() { return std::span(memory_).subspan(used_); }
  void take(std::size_t entry, std::uint64_t offset, std::size_t bytes) {
    if (bytes == 0) return;
    pieces_.push_back({entry, {offset / page_size, pages_in(bytes), 0, static_cast<std::uint32_t>(used_)}});
    used_ += bytes;
  }
  ByteView plain() const { return ByteView(memory_).first(used_); }
  const std::vector<Piece>& pieces() const { return pieces_; }
  void clear() {
    used_ = 0;
    pieces_.clear();
  }

 private:
  Bytes memory_;
  std::size_t used_ = 0;
  std::vector<Piece> pieces_;
};

Result<> FileCopier::copy(const CopyUnit& unit, BackupWriter::Worker& worker) {
  Frame frame(frame_plain_target);
  for (const FileSpan& span : unit) TRY(copy_span(span, frame, worker));
  return store(frame, worker);
}

Result<> FileCopier::copy_span(const FileSpan& span, Frame& frame, BackupWriter::Worker& worker) {
  const DataFile& file = (*source_.entries)[span.entry];
  const std::string path = source_.data_directory + "/" + file.path;
  const UniqueFd fd = TRY(open_file(path, source_.owner));
  if (!fd) {
    const std::lock_guard lock(mutex_);
    copied_[span.entry].vanished = true;
    bytes_done_ += span.length;
    return {};
  }
  ::posix_fadvise(fd.get(), static_cast<off_t>(span.offset), static_cast<off_t>(span.length), POSIX_FADV_SEQUENTIAL);
  const bool reaches_end = span.offset + span.length >= file.size;
  std::uint64_t at = span.offset;
  const std::uint64_t end = span.offset + span.length;
  while (at < end) {
    if (source_.stop.stop_requested()) return fail(Code::cancelled, "a stop was requested");
    const std::uint64_t left = end - at;
    // A file's pages stay together in whole pages: only its last piece may end within one.
    std::size_t wanted = std::min<std::uint64_t>(left, frame.room().size());
    if (wanted < left) wanted -= wanted % page_size;
    if (wanted == 0) {
      TRY(store(frame, worker));
      continue;
    }
    const auto room = frame.room().first(wanted);
    std::size_t got = TRY(read_fully(fd.get(), at, room, path));
    const bool shrunk = got < wanted;
    bytes_read_ += got;
    // The server extends by pages; half a page in the middle of what was a longer file is about to be replaced by
    // recovery, and the format has room for a short page only at a file's end.
    if (shrunk && !reaches_end) got -= got % page_size;
    if (file.relation) check_pages(fd.get(), file, at, room.first(got));
    frame.take(span.entry, at, got);
    at += got;
    bytes_done_ += got;
    if (shrunk) break;
  }
  bytes_done_ += end - at;
  // Nothing there: the file ends before this span, and the span that found its end says where.
  if (at > span.offset) note_size(span.entry, at);
  return {};
}

void FileCopier::note_size(std::size_t entry, std::uint64_t size) {
  const std::lock_guard lock(mutex_);
  copied_[entry].size = std::max(copied_[entry].size, size);
}

Result<> FileCopier::store(Frame& frame, BackupWriter::Worker& worker) {
  if (frame.plain().empty()) return {};
  const std::uint32_t number = TRY(worker.add_frame(frame.plain()));
  {
    const std::lock_guard lock(mutex_);
    for (const auto& piece : frame.pieces()) {
      Extent extent = piece.extent;
      extent.frame = number;
      copied_[piece.entry].extents.push_back(extent);
    }
  }
  frame.clear();
  return {};
}

Result<> FileCopier::add_content(std::size_t entry, ByteView content, BackupWriter::Worker& worker) {
  Frame frame(content.size());
  std::ranges::copy(content, frame.room().begin());
  frame.take(entry, 0, content.size());
  note_size(entry, content.size());
  bytes_read_ += content.size();
  bytes_done_ += content.size();
  return store(frame, worker);
}

// The server's rule: what recovery replaces anyway is not judged, and a page that was being written while we read it
// gets a second look. The second reading is the one that is kept.
void FileCopier::check_pages(int fd, const DataFile& file, std::uint64_t offset, std::span<std::uint8_t> pages) {
  PageFindings found;
  for (std::size_t at = 0; at + page_size <= pages.size(); at += page_size) {
    ++found.pages;
    if (source_.page_checksums == PageChecksums::off) continue;
    const auto page = pages.subspan(at, page_size);
    const auto block =
        static_cast<std::uint32_t>((offset + at) / page_size) + file.relation->segment * relation_segment_pages;
    if (check_page(page, block, source_.backup_start) != PageVerdict::mismatch) continue;
    const auto again = read_fully(fd, offset + at, page, file.path);
    if (again && *again == page_size && check_page(page, block, source_.backup_start) != PageVerdict::mismatch)
      continue;
    ++found.bad;
    found.bad_list.push_back(fmt::format("{} block {}", file.path, block));
  }
  const std::lock_guard lock(mutex_);
  findings_.pages += found.pages;
  findings_.bad += found.bad;
  for (auto& text : found.bad_list) {
    if (findings_.bad_list.size() < bad_list_limit) findings_.bad_list.push_back(std::move(text));
  }
}

FileCopier::Outcome FileCopier::finish() {
  const std::lock_guard lock(mutex_);
  for (auto& file : copied_) std::ranges::sort(file.extents, {}, &Extent::first_page);
  std::ranges::sort(findings_.bad_list);
  return {std::move(copied_), std::move(findings_), bytes_read_.load()};
}

}  // namespace holdfast
