#include "agent/postgres/directory_stream.h"

#include <fmt/format.h>

#include <cerrno>

namespace holdfast {

Result<DirectoryStream> DirectoryStream::open(const std::string& path) {
  DIR* stream = ::opendir(path.c_str());
  if (stream == nullptr) {
    return std::unexpected(error_from_errno(errno, fmt::format("open directory \"{}\"", path)));
  }
  return DirectoryStream(stream, path);
}

Result<std::set<std::string, std::less<>>> DirectoryStream::names() const {
  std::set<std::string, std::less<>> names;
  while (true) {
    errno = 0;
    const dirent* entry = ::readdir(stream_.get());
    if (entry == nullptr) break;
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace(name);
  }
  if (errno != 0) return std::unexpected(error_from_errno(errno, fmt::format("read directory \"{}\"", path_)));
  return names;
}

}  // namespace holdfast
