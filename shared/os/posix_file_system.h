#pragma once
#include "shared/os/file_system.h"

namespace holdfast {

// The machine's files. Temporary names begin with ".holdfast-tmp-"; a crash may leave one behind, never a half file
// under its real name.
class PosixFileSystem final : public FileSystem {
 public:
  Result<Bytes> read(const std::string& path) override;
  Result<Bytes> read_range(const std::string& path, std::uint64_t offset, std::uint64_t length) override;
  Result<> create_durably(const std::string& path, ByteView content, std::uint32_t mode) override;
  Result<> replace_durably(const std::string& path, ByteView content, std::uint32_t mode) override;
  Result<std::optional<FileInfo>> stat(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& path) override;
  Result<> make_directories(const std::string& path, std::uint32_t mode) override;
  Result<> remove(const std::string& path) override;
  Result<> rename(const std::string& from, const std::string& to) override;
  Result<> sync_directory(const std::string& path) override;
  Result<Space> space(const std::string& path) override;
};

}  // namespace holdfast
