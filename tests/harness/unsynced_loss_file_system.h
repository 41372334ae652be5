#pragma once
#include <map>
#include <memory>

#include "shared/base/mutex.h"
#include "shared/os/file_system.h"

namespace holdfast {

// Files in memory that know what was synced. Each durable operation is made of the steps a kernel would see (write,
// sync, link, sync of the directory); crash_after(n) stops the machine after n more of them, power_cycle() forgets
// everything that was not synced. With Sync::lies nothing is ever kept: the disk that only says it did.
// Safe from many threads.
class UnsyncedLossFileSystem final : public FileSystem {
 public:
  enum class Sync : std::uint8_t { honest, lies };
  explicit UnsyncedLossFileSystem(Sync sync = Sync::honest);
  ~UnsyncedLossFileSystem() override;
  UnsyncedLossFileSystem(const UnsyncedLossFileSystem&) = delete;
  UnsyncedLossFileSystem& operator=(const UnsyncedLossFileSystem&) = delete;

  void crash_after(int steps);
  // Steps done since the beginning.
  int steps() const;
  // The machine is up again with what was synced.
  void power_cycle();
  // The process died, the machine did not: everything stays, unsynced as it is.
  void restart_process();
  // Free bytes from now on; writing more is Code::exhausted. Nothing given: no limit.
  void limit_space(std::optional<std::uint64_t> free_bytes);
  void set_now(Timestamp now);

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

 private:
  struct State;
  mutable Guarded<std::unique_ptr<State>> state_;
};

}  // namespace holdfast
