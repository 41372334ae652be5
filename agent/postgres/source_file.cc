#include "agent/postgres/source_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>

namespace holdfast {

Result<SourceFile> SourceFile::open(std::string path, const OsUser& owner) {
  const ActingAs user = TRY(ActingAs::user(owner));
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (!fd && errno != ENOENT) return std::unexpected(error_from_errno(errno, fmt::format("open \"{}\"", path)));
  if (!fd) return SourceFile(std::move(path), std::move(fd));
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", path)));
  if (!S_ISREG(info.st_mode)) return fail(Code::conflict, fmt::format("\"{}\" is not a file any more", path));
  return SourceFile(std::move(path), std::move(fd));
}

// The front of it that lies in the page cache. A file system that cannot say so counts as having nothing there.
std::size_t SourceFile::read_cached(std::uint64_t offset, std::span<std::uint8_t> into) {
  iovec part{into.data(), into.size()};
  const ssize_t got = ::preadv2(fd_.get(), &part, 1, static_cast<off_t>(offset), RWF_NOWAIT);
  return got > 0 ? static_cast<std::size_t>(got) : 0;
}

Result<std::size_t> SourceFile::read(std::uint64_t offset, std::span<std::uint8_t> into) {
  std::size_t done = read_cached(offset, into);
  const std::size_t cached = done;
  while (done < into.size()) {
    const ssize_t got = ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) {
      return std::unexpected(error_from_errno(errno, fmt::format("read \"{}\" at {}", path_, offset + done)));
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  if (done > cached) {
    ::posix_fadvise(fd_.get(), static_cast<off_t>(offset + cached), static_cast<off_t>(done - cached),
                    POSIX_FADV_DONTNEED);
  }
  return done;
}

Result<std::uint64_t> SourceFile::size() const {
  struct stat info {};
  if (::fstat(fd_.get(), &info) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("stat \"{}\"", path_)));
  }
  return static_cast<std::uint64_t>(info.st_size);
}

void SourceFile::expect_in_order(std::uint64_t offset, std::uint64_t length) {
  ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), static_cast<off_t>(length), POSIX_FADV_SEQUENTIAL);
}

}  // namespace holdfast
