#include "shared/os/posix_file_system.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <atomic>
#include <cerrno>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

std::unexpected<Error> os_error(std::string_view verb, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", verb, path)));
}

Result<UniqueFd> open_file(const std::string& path, int flags, std::uint32_t mode = 0) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd) return os_error("open", path);
  return fd;
}

Result<> write_all(int fd, ByteView content, const std::string& path) {
  while (!content.empty()) {
    const ssize_t wrote = ::write(fd, content.data(), content.size());
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return os_error("write", path);
    }
    content = content.subspan(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<std::size_t> read_at(int fd, std::span<std::uint8_t> into, std::uint64_t offset, const std::string& path) {
  std::size_t done = 0;
  while (done < into.size()) {
    const ssize_t got = ::pread(fd, into.data() + done, into.size() - done, static_cast<off_t>(offset + done));
    if (got < 0) {
      if (errno == EINTR) continue;
      return os_error("read", path);
    }
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

FileKind kind_of(mode_t mode) {
  if (S_ISREG(mode)) return FileKind::file;
  if (S_ISDIR(mode)) return FileKind::directory;
  if (S_ISLNK(mode)) return FileKind::link;
  return FileKind::other;
}

std::string temporary_beside(const std::string& path) {
  static std::atomic<std::uint64_t> counter{0};
  return fmt::format("{}/.holdfast-tmp-{}-{}", parent_of(path), ::getpid(), counter.fetch_add(1));
}

// The content under a temporary name, synced. The caller links or renames it, then removes the temporary name.
Result<std::string> write_temporary(const std::string& path, ByteView content, std::uint32_t mode) {
  std::string temporary = temporary_beside(path);
  ::unlink(temporary.c_str());  // left by a process that died with our number
  const auto write = [&]() -> Result<> {
    const UniqueFd fd = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
    if (::fchmod(fd.get(), mode) != 0) return os_error("chmod", temporary);  // the umask must not decide
    TRY(write_all(fd.get(), content, path));
    if (::fsync(fd.get()) != 0) return os_error("sync", path);
    return {};
  };
  if (auto done = write(); !done) {
    ::unlink(temporary.c_str());
    return std::unexpected(std::move(done).error());
  }
  return temporary;
}

}  // namespace

std::string parent_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

Result<Bytes> PosixFileSystem::read(const std::string& path) {
  const UniqueFd fd = TRY(open_file(path, O_RDONLY));
  Bytes content;
  constexpr std::size_t chunk = 64 * 1024;
  while (true) {
    const std::size_t before = content.size();
    content.resize(before + chunk);
    const std::size_t got = TRY(read_at(fd.get(), std::span(content).subspan(before), before, path));
    content.resize(before + got);
    if (got < chunk) return content;
  }
}

Result<Bytes> PosixFileSystem::read_range(const std::string& path, std::uint64_t offset, std::uint64_t length) {
  const UniqueFd fd = TRY(open_file(path, O_RDONLY));
  Bytes content(length);
  content.resize(TRY(read_at(fd.get(), content, offset, path)));
  return content;
}

Result<> PosixFileSystem::create_durably(const std::string& path, ByteView content, std::uint32_t mode) {
  const std::string temporary = TRY(write_temporary(path, content, mode));
  // link() and not rename(): it fails when the name is taken.
  const int linked = ::link(temporary.c_str(), path.c_str());
  const int problem = errno;
  ::unlink(temporary.c_str());
  if (linked != 0) {
    errno = problem;
    return os_error("create", path);
  }
  return sync_directory(parent_of(path));
}

Result<> PosixFileSystem::replace_durably(const std::string& path, ByteView content, std::uint32_t mode) {
  const std::string temporary = TRY(write_temporary(path, content, mode));
  if (::rename(temporary.c_str(), path.c_str()) != 0) {
    const int problem = errno;
    ::unlink(temporary.c_str());
    errno = problem;
    return os_error("replace", path);
  }
  return sync_directory(parent_of(path));
}

Result<std::optional<FileInfo>> PosixFileSystem::stat(const std::string& path) {
  struct stat info {};
  if (::lstat(path.c_str(), &info) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return std::nullopt;
    return os_error("stat", path);
  }
  FileInfo out;
  out.kind = kind_of(info.st_mode);
  out.size = static_cast<std::uint64_t>(info.st_size);
  out.modified = Timestamp::from_micros(info.st_mtim.tv_sec * 1'000'000 + info.st_mtim.tv_nsec / 1'000);
  out.mode = info.st_mode & 07777;
  out.uid = info.st_uid;
  out.gid = info.st_gid;
  out.inode = info.st_ino;
  out.device = info.st_dev;
  return out;
}

Result<std::vector<DirectoryEntry>> PosixFileSystem::list(const std::string& path) {
  const UniqueHandle<DIR, ::closedir> directory(::opendir(path.c_str()));
  if (!directory) return os_error("list", path);
  std::vector<DirectoryEntry> entries;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(directory.get());
    if (entry == nullptr) break;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    FileKind kind = FileKind::other;
    if (entry->d_type == DT_UNKNOWN) {
      const auto info = TRY(stat(path + "/" + name));
      if (!info) continue;
      kind = info->kind;
    } else {
      kind = entry->d_type == DT_REG   ? FileKind::file
             : entry->d_type == DT_DIR ? FileKind::directory
             : entry->d_type == DT_LNK ? FileKind::link
                                       : FileKind::other;
    }
    entries.push_back({name, kind});
  }
  if (errno != 0) return os_error("list", path);
  return entries;
}

Result<> PosixFileSystem::make_directories(const std::string& path, std::uint32_t mode) {
  if (::mkdir(path.c_str(), mode) == 0) return sync_directory(parent_of(path));
  if (errno == EEXIST) {
    struct stat info {};
    if (::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
    errno = ENOTDIR;
    return os_error("make directory", path);
  }
  if (errno != ENOENT || parent_of(path) == path) return os_error("make directory", path);
  TRY(make_directories(parent_of(path), mode));
  if (::mkdir(path.c_str(), mode) != 0 && errno != EEXIST) return os_error("make directory", path);
  return sync_directory(parent_of(path));
}

Result<> PosixFileSystem::remove(const std::string& path) {
  if (::remove(path.c_str()) != 0) {
    if (errno == ENOENT) return {};
    return os_error("remove", path);
  }
  return sync_directory(parent_of(path));
}

Result<> PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return os_error("rename", from);
  TRY(sync_directory(parent_of(to)));
  return sync_directory(parent_of(from));
}

Result<> PosixFileSystem::sync_directory(const std::string& path) {
  const UniqueFd fd = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) != 0) return os_error("sync", path);
  return {};
}

Result<Space> PosixFileSystem::space(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) return os_error("statvfs", path);
  return Space{info.f_bavail * info.f_frsize, info.f_blocks * info.f_frsize};
}

}  // namespace holdfast
