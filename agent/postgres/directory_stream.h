#pragma once
#include <dirent.h>

#include <functional>
#include <set>
#include <string>

#include "shared/base/result.h"
#include "shared/base/unique_handle.h"

namespace holdfast {

// An open directory: names are read from it and looked up in it, so that renames above it do not matter.
class DirectoryStream {
 public:
  static Result<DirectoryStream> open(const std::string& path);
  // Without "." and "..".
  Result<std::set<std::string, std::less<>>> names() const;
  int fd() const { return ::dirfd(stream_.get()); }

 private:
  explicit DirectoryStream(DIR* stream, std::string path) : stream_(stream), path_(std::move(path)) {}
  UniqueHandle<DIR, ::closedir> stream_;
  std::string path_;
};

}  // namespace holdfast
