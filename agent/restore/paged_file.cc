#include "agent/restore/paged_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace holdfast {
namespace {

constexpr std::uint64_t zero_unit = 4096;           // what is cleared as one; file systems make holes of such blocks
constexpr std::uint64_t read_at_once = 256 * 1024;  // while zeros are looked at

std::unexpected<Error> os_error(std::string_view what, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", what, path)));
}

bool all_zero(ByteView bytes) {
  return std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

}  // namespace

Result<PagedFile> PagedFile::open(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return os_error("open", path);
  return PagedFile(std::move(fd), path);
}

Result<> PagedFile::read(std::span<std::uint8_t> into, std::uint64_t position) const {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(position + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return os_error("read", path_);
    if (got == 0) return fail(Code::conflict, fmt::format("\"{}\" became shorter while it was restored", path_));
    done += static_cast<std::size_t>(got);
  }
  return {};
}

Result<> PagedFile::write(ByteView bytes, std::uint64_t position) const {
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t wrote =
        ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(position + done));
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote <= 0) return os_error("write", path_);
    done += static_cast<std::size_t>(wrote);
  }
  return {};
}

Result<std::uint64_t> PagedFile::write_changed(ByteView wanted, ByteView present, std::uint64_t position,
                                               std::uint32_t page_size) const {
  const auto differs = [&](std::size_t at) {
    const std::size_t length = std::min<std::size_t>(page_size, wanted.size() - at);
    return std::memcmp(wanted.data() + at, present.data() + at, length) != 0;
  };
  std::uint64_t written = 0;
  for (std::size_t at = 0; at < wanted.size();) {
    if (!differs(at)) {
      at += page_size;
      continue;
    }
    const std::size_t first = at;
    while (at < wanted.size() && differs(at)) at += page_size;
    const std::size_t length = std::min(at, wanted.size()) - first;
    TRY(write(wanted.subspan(first, length), position + first));
    written += length;
  }
  return written;
}

Result<std::uint64_t> PagedFile::make_zero(std::uint64_t from, std::uint64_t to, Bytes& buffer) const {
  std::uint64_t changed = 0;
  while (from < to) {
    const off_t data = ::lseek(fd_.get(), static_cast<off_t>(from), SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // nothing but a hole to the end
    if (data < 0) return os_error("look for data in", path_);
    if (static_cast<std::uint64_t>(data) >= to) break;
    const off_t hole = ::lseek(fd_.get(), data, SEEK_HOLE);
    if (hole < 0) return os_error("look for holes in", path_);
    const std::uint64_t end = std::min<std::uint64_t>(to, static_cast<std::uint64_t>(hole));
    changed += TRY(clear_nonzero(static_cast<std::uint64_t>(data), end, buffer));
    from = end;
  }
  return changed;
}

Result<std::uint64_t> PagedFile::clear_nonzero(std::uint64_t from, std::uint64_t to, Bytes& buffer) const {
  std::uint64_t changed = 0;
  while (from < to) {
    const std::uint64_t length = std::min(read_at_once, to - from);
    buffer.resize(length);
    TRY(read(buffer, from));
    for (std::uint64_t at = 0; at < length;) {
      const auto unit_at = [&](std::uint64_t begin) {
        return ByteView(buffer).subspan(begin, std::min(zero_unit, length - begin));
      };
      if (all_zero(unit_at(at))) {
        at += zero_unit;
        continue;
      }
      const std::uint64_t first = at;
      while (at < length && !all_zero(unit_at(at))) at += zero_unit;
      const std::uint64_t end = std::min(at, length);
      TRY(clear(from + first, from + end));
      changed += end - first;
    }
    from += length;
  }
  return changed;
}

Result<> PagedFile::clear(std::uint64_t from, std::uint64_t to) const {
  const auto length = static_cast<off_t>(to - from);
  if (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(from), length) == 0) {
    return {};
  }
  if (errno != EOPNOTSUPP && errno != ENOSYS) return os_error("make a hole in", path_);
  return write(Bytes(to - from), from);
}

Result<PagedFile*> PagedFiles::get(std::uint32_t file, const std::string& path) {
  if (const auto known = open_.find(file); known != open_.end()) return &known->second;
  if (open_.size() >= most_) open_.clear();
  return &open_.emplace(file, TRY(PagedFile::open(path))).first->second;
}

}  // namespace holdfast
