#pragma once
// A backup of a small cluster, made by hand with every kind of extent, restored in full for delta restores to begin
// from.
#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "agent/restore/delta_restore.h"
#include "agent/restore/incomplete_mark.h"
#include "agent/restore/leftovers.h"
#include "agent/restore/set_aside.h"
#include "shared/base/unique_handle.h"
#include "tests/agent/restore/repository_in_a_directory.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {

constexpr std::size_t page = 8192;

inline std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
inline void write_at(const std::string& path, std::uint64_t position, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(position));
  file << bytes;
}
// Bytes of a file that are not holes. Its blocks are another thing: some of them describe the file.
inline std::uint64_t data_in(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_GE(file.get(), 0) << path;
  std::uint64_t bytes = 0;
  off_t hole = 0;
  while (true) {
    const off_t data = ::lseek(file.get(), hole, SEEK_DATA);
    if (data < 0) return bytes;  // ENXIO: nothing but a hole from here on
    hole = ::lseek(file.get(), data, SEEK_HOLE);
    bytes += static_cast<std::uint64_t>(hole - data);
  }
}

// A backup of a small cluster with one tablespace: a frame for each 4 pages of a relation, small files in one frame.
class DeltaRestore : public testing::Test {
 protected:
  DeltaRestore() {
    backup_ = repository_.entropy.id<BackupId>();
    BackupWriter writer(repository_.fleet.fleet, repository_.fleet.database, backup_, repository_.fleet.epoch.key,
                        repository_.stores, repository_.entropy, {});
    auto worker = writer.worker();
    manifest_.page_size = page;
    manifest_.tablespaces = {{tablespace_oid, "/elsewhere"}};
    for (const char* path : {".", "base", "base/1", "global", "pg_tblspc", "pg_tblspc/77/PG_15_1", "pg_wal"}) {
      add(path, EntryKind::directory);
    }
    add("pg_tblspc/77", EntryKind::link).link_target = "/elsewhere";
    add_small_files(worker);
    add_relation(worker, "base/1/1000", 8);
    add_relation(worker, "base/1/1001", 4);
    add_relation(worker, "pg_tblspc/77/PG_15_1/2000", 4);
    add_relation_with_holes(worker);
    add_relation_changed_since(worker);
    std::ranges::sort(manifest_.files, {}, &ManifestFile::path);
    EXPECT_THAT(worker.finish(), Succeeded());
    EXPECT_THAT(writer.put_manifest(manifest_), Succeeded());
    record_ = repository_.new_record();
    EXPECT_THAT(writer.finish(record_, repository_.fleet.signer), Succeeded());
    reader_ = std::make_unique<BackupReader>(*BackupReader::open(repository_.stores, record_, repository_.fleet.ring));
    EXPECT_THAT(restore_files(*reader_, options(), StopToken(), {}), Succeeded());
  }

  ManifestFile& add(const std::string& path, EntryKind kind) {
    ManifestFile& file = manifest_.files.emplace_back();
    file.path = path;
    file.kind = kind;
    file.mode = kind == EntryKind::file ? 0600 : 0700;
    file.owner = file.group = owner_.name;
    file.modified = repository_.fleet.from;
    return file;
  }
  void add_file(const std::string& path, std::uint64_t size, std::vector<Extent> extents) {
    ManifestFile& file = add(path, EntryKind::file);
    file.size = size;
    file.extents = std::move(extents);
  }
  void add_small_files(BackupWriter::Worker& worker) {
    const std::vector<std::pair<std::string, std::string>> small{
        {"PG_VERSION", "15\n"}, {"global/pg_control", std::string(page, 'c')}, {"postgresql.conf", "port = 5433\n"}};
    std::string plain;
    std::vector<std::uint32_t> offsets;
    for (const auto& [path, content] : small) {
      offsets.push_back(static_cast<std::uint32_t>(plain.size()));
      plain += content;
    }
    const std::uint32_t frame = *worker.add_frame(as_bytes(plain));
    for (std::size_t i = 0; i < small.size(); ++i) {
      add_file(small[i].first, small[i].second.size(), {{0, 1, frame, offsets[i]}});
    }
  }
  void add_relation(BackupWriter::Worker& worker, const std::string& path, std::uint32_t pages) {
    std::vector<Extent> extents;
    for (std::uint32_t first = 0; first < pages; first += 4) {
      extents.push_back({first, 4, *worker.add_frame(repository_.fleet.random_bytes(4 * page)), 0});
    }
    add_file(path, pages * page, std::move(extents));
  }
  // Pages 0, 1 and 4 of 8 have content.
  void add_relation_with_holes(BackupWriter::Worker& worker) {
    const std::uint32_t frame = *worker.add_frame(repository_.fleet.random_bytes(3 * page));
    add_file("base/1/1002", 8 * page, {{0, 2, frame, 0}, {4, 1, frame, 2 * page}});
  }
  // As an incremental backup has it: page 2 is not the one of the frame that has the others.
  void add_relation_changed_since(BackupWriter::Worker& worker) {
    const std::uint32_t old_frame = *worker.add_frame(repository_.fleet.random_bytes(4 * page));
    const std::uint32_t new_frame = *worker.add_frame(repository_.fleet.random_bytes(page));
    add_file("base/1/1003", 4 * page, {{0, 2, old_frame, 0}, {2, 1, new_frame, 0}, {3, 1, old_frame, 3 * page}});
  }

  FileRestoreOptions options() const { return options_for(data(), location()); }
  FileRestoreOptions options_for(const std::string& directory, const std::string& tablespace) const {
    FileRestoreOptions out;
    out.directory = directory;
    out.owner = owner_;
    out.tablespaces = {{tablespace_oid, tablespace}};
    out.workers = 2;
    return out;
  }
  Result<DeltaResult> restore() {
    TRY(mark_incomplete(data(), owner_));
    const DeltaResult done = TRY(restore_over(*reader_, options(), restore_, StopToken(), {}));
    TRY(clear_incomplete_mark(data(), owner_));
    return done;
  }

  // Every entry below, with what a restore brings back of it.
  static std::map<std::string, std::string> tree_of(const std::string& directory) {
    std::map<std::string, std::string> out;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      struct stat info {};
      EXPECT_EQ(::lstat(entry.path().c_str(), &info), 0);
      std::string& what = out[entry.path().lexically_relative(directory)];
      if (entry.is_symlink()) {
        what = "a link";
      } else {
        what = fmt::format("mode {:o}", info.st_mode);
        if (!entry.is_regular_file()) continue;
        const auto hash = content_hash(as_bytes(content_of(entry.path())));
        what += fmt::format(", {} bytes of {:x} at {}", entry.file_size(), hash.low, info.st_mtim.tv_sec);
      }
    }
    return out;
  }
  // The full restore is what the delta restore is held to.
  void expect_as_restored_in_full() {
    const std::string directory = fmt::format("{}/full-{}", place(), ++full_restores_);
    ASSERT_THAT(restore_files(*reader_, options_for(directory, directory + "-fast"), StopToken(), {}), Succeeded());
    EXPECT_EQ(tree_of(data()), tree_of(directory));
    EXPECT_EQ(tree_of(location()), tree_of(directory + "-fast"));
    EXPECT_EQ(std::filesystem::read_symlink(data() + "/pg_tblspc/77"), location());
  }

  const std::string& place() const { return repository_.place.path(); }
  std::string data() const { return place() + "/data"; }
  std::string location() const { return place() + "/fast"; }
  std::string leftovers() const { return leftovers_name(data(), restore_); }

  static constexpr std::uint32_t tablespace_oid = 77;
  RepositoryInADirectory repository_{Engine::postgres};
  const OsUser owner_ = *user_by_uid(::geteuid());
  RestoreId restore_ = RestoreId(std::array<std::uint8_t, 16>{7});
  BackupId backup_;
  Manifest manifest_;
  BackupRecord record_;
  std::unique_ptr<BackupReader> reader_;
  int full_restores_ = 0;
};

}  // namespace holdfast
