#pragma once
#include <atomic>
#include <map>

#include "shared/base/mutex.h"
#include "shared/os/written_file.h"
#include "shared/store/store.h"

namespace holdfast {

// Objects as files under a directory that may be local or mounted, shared by any number of processes and hosts.
//
// Who may begin a store in a directory that is absent or empty.
struct PosixFirstUse {
  enum class Rule : std::uint8_t { may_make_it, must_be_there } rule = Rule::may_make_it;
  // A file outside the store that remembers, over restarts, that it was there once; empty: nobody remembers.
  std::string witness = {};
};

// A file ".holdfast-store" marks the directory. It is made by the first put() or check() into a directory that is
// absent or empty, and never again by anybody who has seen it: the mount point of a file system that is not mounted
// must look neither like a store that has lost everything nor like a new one. Without it every answer is
// Code::unavailable.
class PosixStore final : public Store {
 public:
  // `files` must outlive the store. `root` is absolute.
  PosixStore(FileSystem& files, std::string root, PosixFirstUse first_use = {});

  Result<> put(const std::string& name, ByteView content) override;
  Result<Bytes> get(const std::string& name) override;
  Result<Bytes> get_range(const std::string& name, std::uint64_t offset, std::uint64_t length) override;
  Result<std::optional<ObjectInfo>> stat(const std::string& name) override;
  Result<std::vector<ObjectInfo>> list(const std::string& prefix) override;
  Result<std::vector<std::string>> list_parts(const std::string& prefix) override;
  Result<> remove(const std::string& name) override;
  // Also removes temporary files that crashes left: those more than a day older than the probe it has just written, by
  // the file system's own clock. Process numbers say nothing here, the directory may be another host's too.
  Result<> check() override;
  Result<Space> space() override;
  std::string description() const override;
  // Write-once names by link(2); nobody holds an object against its owner.
  StoreAbilities abilities() const override { return {Ability::yes, Ability::no}; }

  // An object that comes in pieces. For stores whose files are the machine's own, not a test's.
  //
  // A new file inside the store's directory that no list shows.
  Result<WrittenFile> begin();
  // As put(), of what was written to it.
  Result<> finish(const std::string& name, WrittenFile file);
  // Of an object that is there: whoever put it may have died before it was durable.
  Result<> make_durable(const std::string& name);
  // Removes what begin() left behind before a crash. Only when nobody else writes to the store.
  Result<> remove_begun();

 private:
  std::string path_of(const std::string& name) const { return root_ + "/" + name; }
  Result<> require_marker(const std::string& doing);
  Result<> prepare_root();
  Result<> make_root();
  Result<bool> was_there_before();
  void remember_it();
  Result<> make_parents_durable(const std::string& name);
  Result<> same_or_refuse(const std::string& name, ByteView content);
  Result<> same_file_or_refuse(const std::string& name, const std::string& other);
  Result<std::optional<FileInfo>> file_at(const std::string& name);
  Result<> collect(const std::string& directory, const std::string& prefix, std::vector<ObjectInfo>& into);
  Result<bool> is_directory(const std::string& name);
  Result<bool> holds_objects(const std::string& directory);
  Result<> sweep(const std::string& directory, Timestamp now);
  std::unexpected<Error> failed(Error error, std::string_view doing, const std::string& name) const;

  FileSystem& files_;
  std::string root_;
  const PosixFirstUse first_use_;
  std::atomic<bool> seen_{false};  // its marker
  // Inode of each directory whose own entry this process has synced. A process that died may have made a directory
  // without syncing its parent, so that it exists is not enough; one that was made anew has another inode.
  Guarded<std::map<std::string, std::uint64_t>> durable_directories_;
};

}  // namespace holdfast
