#include "shared/os/written_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <cerrno>

#include "shared/os/file_system.h"

namespace holdfast {
namespace {

std::unexpected<Error> os_error(std::string_view verb, const std::string& path) {
  return std::unexpected(error_from_errno(errno, fmt::format("{} \"{}\"", verb, path)));
}

}  // namespace

Result<WrittenFile> WrittenFile::create(std::string path, std::uint32_t mode) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode));
  if (!file) return os_error("create", path);
  WrittenFile out(std::move(path), std::move(file));
  if (::fchmod(out.file_.get(), mode) != 0) return os_error("chmod", out.path_);  // the umask must not decide
  return out;
}

WrittenFile::WrittenFile(WrittenFile&& other) noexcept
    : path_(std::exchange(other.path_, {})), file_(std::move(other.file_)) {}

WrittenFile::~WrittenFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

Result<> WrittenFile::write(ByteView more) {
  while (!more.empty()) {
    const ssize_t wrote = ::write(file_.get(), more.data(), more.size());
    if (wrote < 0) {
      if (errno == EINTR) continue;
      return os_error("write", path_);
    }
    more = more.subspan(static_cast<std::size_t>(wrote));
  }
  return {};
}

Result<> WrittenFile::sync() {
  if (::fsync(file_.get()) != 0) return os_error("sync", path_);
  return {};
}

Result<> WrittenFile::link_as(const std::string& name) {
  if (::link(path_.c_str(), name.c_str()) != 0) return os_error("create", name);
  const std::string directory = parent_of(name);
  const UniqueFd above(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!above || ::fsync(above.get()) != 0) return os_error("sync", directory);
  return {};
}

}  // namespace holdfast
