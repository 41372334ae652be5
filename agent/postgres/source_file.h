#pragma once
// A file of a cluster, read for a backup without getting in the server's way.
#include <span>
#include <string>

#include "shared/base/unique_handle.h"
#include "shared/os/process.h"

namespace holdfast {

// What it brings into the page cache it lets go again, and what was there stays: a backup must not push the database's
// own pages out. One thread.
class SourceFile {
 public:
  // Opened as `owner`; no link is followed: what was a file when it was seen must not have become a way out of the
  // directory. Not there any more: `is_there()` is false. Code::conflict: it is no file.
  static Result<SourceFile> open(std::string path, const OsUser& owner);
  bool is_there() const { return static_cast<bool>(fd_); }

  // As much as there is, up to the size of `into`.
  Result<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> into);
  Result<std::uint64_t> size() const;
  // The kernel may read on ahead of us.
  void expect_in_order(std::uint64_t offset, std::uint64_t length);

 private:
  SourceFile(std::string path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  std::size_t read_cached(std::uint64_t offset, std::span<std::uint8_t> into);

  std::string path_;
  UniqueFd fd_;
};

}  // namespace holdfast
