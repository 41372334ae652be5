#pragma once
// A file that is written piece by piece and gets its name when it is whole.
#include <string>

#include "shared/base/bytes.h"
#include "shared/base/unique_handle.h"

namespace holdfast {

// One thread at a time. What was not given a name is removed with this object; a crash leaves it under `path`.
class WrittenFile {
 public:
  // Code::already_exists when something is there.
  static Result<WrittenFile> create(std::string path, std::uint32_t mode);
  WrittenFile(WrittenFile&& other) noexcept;
  WrittenFile& operator=(WrittenFile&& other) = delete;
  ~WrittenFile();

  const std::string& path() const { return path_; }
  // At the end.
  Result<> write(ByteView more);
  Result<> sync();
  // `name`, on the same file system, becomes this file's; durable when it returns. Code::already_exists: it is taken,
  // and nothing changed. sync() comes first.
  Result<> link_as(const std::string& name);

 private:
  WrittenFile(std::string path, UniqueFd file) : path_(std::move(path)), file_(std::move(file)) {}

  std::string path_;  // empty: moved away
  UniqueFd file_;
};

}  // namespace holdfast
