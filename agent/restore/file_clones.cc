#include "agent/restore/file_clones.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "shared/base/unique_handle.h"

namespace holdfast {
namespace {

Result<> clone_file(int from, int to) {
  if (::ioctl(to, FICLONE, from) == 0) return {};
  return std::unexpected(error_from_errno(errno, "clone a file"));
}

// Tried rather than asked: whether blocks can be shared is a matter of how the file system was made. The files have no
// name, so nothing is left even by a crash.
bool clones_work_in(const std::string& directory) {
  const UniqueFd from(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  const UniqueFd to(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  std::array<char, 8192> page{};
  page.fill('x');  // large enough to get blocks of its own
  if (!from || !to || ::write(from.get(), page.data(), page.size()) != static_cast<ssize_t>(page.size())) return false;
  return clone_file(from.get(), to.get()).has_value();
}

}  // namespace

FileClones kernel_file_clones() {
  return {clones_work_in, clone_file};
}

}  // namespace holdfast
