#pragma once
// The seam to files for whatever must survive a crash: stores, key files, journals. Durability is part of each
// promise below, so a test can put a file system under it that forgets everything that was not synced.
#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "shared/base/bytes.h"
#include "shared/base/result.h"
#include "shared/base/time.h"

namespace holdfast {

enum class FileKind : std::uint8_t { file, directory, link, other };

struct FileInfo {
  FileKind kind = FileKind::other;
  std::uint64_t size = 0;
  Timestamp modified;
  std::uint32_t mode = 0;  // permission bits
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint64_t inode = 0;
  std::uint64_t device = 0;
};

struct DirectoryEntry {
  std::string name;  // without the directory
  FileKind kind = FileKind::other;
};

struct Space {
  std::uint64_t free_bytes = 0;  // for an unprivileged writer
  std::uint64_t total_bytes = 0;
};

// Safe from many threads. Errors name the path; see error_from_errno for their codes.
class FileSystem {
 public:
  virtual ~FileSystem() = default;

  virtual Result<Bytes> read(const std::string& path) = 0;
  // Exactly [offset, offset+length), or what is there when the file is shorter.
  virtual Result<Bytes> read_range(const std::string& path, std::uint64_t offset, std::uint64_t length) = 0;

  // Creates `path` with these bytes and mode, all of it or nothing: written beside, synced, linked under its name,
  // directory synced. Code::already_exists when the name is taken, and then nothing changed.
  virtual Result<> create_durably(const std::string& path, ByteView content, std::uint32_t mode) = 0;
  // The same, replacing what was there atomically.
  virtual Result<> replace_durably(const std::string& path, ByteView content, std::uint32_t mode) = 0;

  // Follows no link. nullopt: certainly not there.
  virtual Result<std::optional<FileInfo>> stat(const std::string& path) = 0;
  // Without "." and "..", in no order.
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& path) = 0;
  // With parents; the new names are durable. Fine when it exists.
  virtual Result<> make_directories(const std::string& path, std::uint32_t mode) = 0;
  // A file or an empty directory; the removal is durable. Fine when it is not there.
  virtual Result<> remove(const std::string& path) = 0;
  // Atomic and durable.
  virtual Result<> rename(const std::string& from, const std::string& to) = 0;
  virtual Result<> sync_directory(const std::string& path) = 0;
  virtual Result<Space> space(const std::string& path) = 0;
};

// "a/b" of "a/b/c", "." of "c".
std::string parent_of(const std::string& path);

}  // namespace holdfast
