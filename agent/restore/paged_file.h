#pragma once
// A file that is there, read and changed by pages.
#include <map>
#include <span>
#include <string>

#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/base/unique_handle.h"

namespace holdfast {

// For one thread. Positions and lengths are bytes.
class PagedFile {
 public:
  // Follows no link.
  static Result<PagedFile> open(const std::string& path);

  // Exactly that many. Code::conflict: the file ends before.
  Result<> read(std::span<std::uint8_t> into, std::uint64_t position) const;
  Result<> write(ByteView bytes, std::uint64_t position) const;
  // Writes the pages of `wanted` that are not the same in `present`, what the file has at `position` now. Returns the
  // bytes written.
  Result<std::uint64_t> write_changed(ByteView wanted, ByteView present, std::uint64_t position,
                                      std::uint32_t page_size) const;
  // Zeros from `from` to `to`, as holes where the file system can; what reads as zeros already is left alone. `buffer`
  // is for its use. Returns the bytes that had to be changed.
  Result<std::uint64_t> make_zero(std::uint64_t from, std::uint64_t to, Bytes& buffer) const;

 private:
  PagedFile(UniqueFd fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}
  Result<> clear(std::uint64_t from, std::uint64_t to) const;
  Result<std::uint64_t> clear_nonzero(std::uint64_t from, std::uint64_t to, Bytes& buffer) const;

  UniqueFd fd_;
  std::string path_;
};

// Files that one worker has open: the pages of a frame, and of the next ones, often go to the same few.
class PagedFiles {
 public:
  // As whoever we act as. Good until the next call.
  Result<PagedFile*> get(std::uint32_t file, const std::string& path);

 private:
  static constexpr std::size_t most_ = 128;
  std::map<std::uint32_t, PagedFile> open_;
};

}  // namespace holdfast
