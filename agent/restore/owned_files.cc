#include "agent/restore/owned_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "shared/base/unique_handle.h"
#include "shared/os/posix_file_system.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

// Journals, directories, the server's own first files.
constexpr std::uint64_t reserve_bytes = 32U << 20U;

bool is_there(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0;
}

}  // namespace

Result<> check_room(const std::string& directory, std::uint64_t needed_bytes) {
  PosixFileSystem files;
  std::string place = directory;
  while (!is_there(place) && place != "/" && place != ".") place = parent_of(place);
  const Space space = TRY(files.space(place));
  if (space.free_bytes >= needed_bytes + reserve_bytes) return {};
  return fail(
      Code::exhausted,
      fmt::format("\"{}\" needs {} bytes and {} are free", directory, needed_bytes + reserve_bytes, space.free_bytes),
      "make room, or restore to another directory");
}

Result<> check_empty(const std::string& directory) {
  if (!is_there(directory)) return {};
  PosixFileSystem files;
  const auto entries = TRY(files.list(directory));
  if (entries.empty()) return {};
  return fail(Code::conflict, fmt::format("\"{}\" is not empty (it has \"{}\")", directory, entries.front().name),
              "choose an empty directory or one that does not exist");
}

Result<> remove_tree(const std::string& path) {
  std::error_code problem;
  fs::remove_all(path, problem);
  if (problem) return std::unexpected(error_from_errno(problem.value(), fmt::format("remove \"{}\"", path)));
  return {};
}

Result<> make_owned_directory(const std::string& path, const OsUser& owner, std::uint32_t mode) {
  PosixFileSystem files;
  struct stat info {};
  if (::stat(path.c_str(), &info) == 0) {
    if (S_ISDIR(info.st_mode)) return {};
    return fail(Code::conflict, fmt::format("\"{}\" is not a directory", path));
  }
  TRY(files.make_directories(parent_of(path), 0755));
  if (::mkdir(path.c_str(), 0700) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("create \"{}\"", path)));
  }
  const bool owned = ::geteuid() != 0 || ::lchown(path.c_str(), owner.uid, owner.gid) == 0;
  if (!owned || ::chmod(path.c_str(), mode) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("give \"{}\" to {}", path, owner.name)));
  }
  return files.sync_directory(parent_of(path));
}

Result<> make_owned_file(const std::string& path, const OsUser& owner, std::uint32_t mode) {
  ::unlink(path.c_str());
  // O_EXCL: whatever somebody put there in between is not opened.
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode));
  if (!fd) return std::unexpected(error_from_errno(errno, fmt::format("create \"{}\"", path)));
  if (::geteuid() == 0 && ::fchown(fd.get(), owner.uid, owner.gid) != 0) {
    return std::unexpected(error_from_errno(errno, fmt::format("give \"{}\" to {}", path, owner.name)));
  }
  return {};
}

Result<> write_owned_file(const std::string& path, ByteView content, const OsUser& owner, std::uint32_t mode) {
  const ActingAs acting = TRY(ActingAs::user(owner));
  PosixFileSystem files;
  return files.replace_durably(path, content, mode);
}

}  // namespace holdfast
