#include "agent/restore/delta_restore.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "agent/restore/incomplete_mark.h"
#include "agent/restore/leftovers.h"
#include "agent/restore/set_aside.h"
#include "tests/agent/restore/copying_clones.h"
#include "tests/agent/restore/repository_in_a_directory.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t page = 8192;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write_at(const std::string& path, std::uint64_t position, const std::string& bytes) {
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(position));
  file << bytes;
}
std::uint64_t allocated(const std::string& path) {
  struct stat info {};
  EXPECT_EQ(::stat(path.c_str(), &info), 0) << path;
  return static_cast<std::uint64_t>(info.st_blocks) * 512;
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
    for (const auto& entry : fs::recursive_directory_iterator(directory)) {
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
    EXPECT_EQ(fs::read_symlink(data() + "/pg_tblspc/77"), location());
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

// Only the frame that an incremental backup needs a part of.
constexpr std::uint64_t always_fetched = 1;

TEST_F(DeltaRestore, FetchesNothingOfAnUntouchedDirectory) {
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched);
  EXPECT_EQ(done->content.written, 0U);
  EXPECT_EQ(done->content.compared, content_bytes(manifest_));
  EXPECT_EQ(done->moved, 0U);
  EXPECT_FALSE(fs::exists(leftovers()));
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, FetchesOneFrameForAChangedPageAndWritesThatPage) {
  write_at(data() + "/base/1/1000", 5 * page + 17, "changed");
  write_at(location() + "/PG_15_1/2000", 3 * page, "in the tablespace");
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched + 2);
  EXPECT_EQ(done->content.fetched, (4 + 4 + 4) * page);
  EXPECT_EQ(done->content.written, 2 * page);
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, WritesOnlyThePagesThatDifferOfAFrameThatOnlyItsPartIsNeededOf) {
  write_at(data() + "/base/1/1003", 3 * page, "x");
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched);
  EXPECT_EQ(done->content.written, page);
  write_at(data() + "/base/1/1003", 2 * page, "x");  // the page of the newer frame, which is whole
  EXPECT_EQ(restore()->content.frames_fetched, always_fetched + 1);
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, MakesMissingFilesAndDirectoriesAndFitsLengths) {
  fs::remove(data() + "/base/1/1001");
  fs::remove_all(location() + "/PG_15_1");
  fs::remove(data() + "/pg_tblspc/77");
  fs::resize_file(data() + "/base/1/1000", 5 * page + 100);
  fs::resize_file(data() + "/base/1/1002", 12 * page);
  write_at(data() + "/base/1/1002", 11 * page, "beyond the end");
  fs::permissions(data() + "/base/1", fs::perms::owner_all | fs::perms::others_all);
  fs::permissions(data() + "/postgresql.conf", fs::perms::owner_read);
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched + 3) << "1001, 2000, the second half of 1000";
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, MakesPagesZeroThatAreZeroInTheBackup) {
  const std::string file = data() + "/base/1/1002";
  const std::uint64_t before = allocated(file);
  write_at(file, 2 * page + 5, "not zero");
  write_at(file, 7 * page, std::string(page, 'x'));
  write_at(file, 5 * page, std::string(page, '\0'));  // written, and zero all the same
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched);
  EXPECT_EQ(done->content.written, 4096 + page);
  expect_as_restored_in_full();
  EXPECT_LE(allocated(file), before + page) << "what was made zero is a hole again";
}

TEST_F(DeltaRestore, BringsBackAPageThatWasZeroed) {
  write_at(data() + "/base/1/1002", 4 * page, std::string(page, '\0'));
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched + 1);
  EXPECT_EQ(done->content.written, page);
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, MovesAsideWhatTheBackupDoesNotHave) {
  std::ofstream(data() + "/base/1/4000") << "made after the backup";
  std::ofstream(data() + "/pg_wal/000000010000000000000009") << "not in any store";
  std::ofstream(data() + "/recovery.signal") << "";
  std::ofstream(location() + "/PG_15_1/4001") << "in the tablespace";
  fs::create_directories(location() + "/PG_14_1/5");  // another version's
  fs::create_directories(data() + "/base/2");
  std::ofstream(data() + "/base/2/4002") << "a whole database";
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->moved, 5U);
  EXPECT_EQ(content_of(leftovers() + "/base/1/4000"), "made after the backup");
  EXPECT_EQ(content_of(leftovers() + "/pg_wal/000000010000000000000009"), "not in any store");
  EXPECT_EQ(content_of(leftovers() + "/base/2/4002"), "a whole database");
  const std::string in_tablespace = leftovers_name(location() + "/PG_15_1", restore_);
  EXPECT_EQ(content_of(in_tablespace + "/4001"), "in the tablespace");
  EXPECT_TRUE(fs::exists(location() + "/PG_14_1/5"));
  EXPECT_THAT(leftovers_of(data(), restore_), testing::ElementsAre(leftovers(), in_tablespace));
  fs::remove_all(in_tablespace);
  fs::remove_all(location() + "/PG_14_1");
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, NeverWritesThroughASecondNameOrALink) {
  const std::string elsewhere = place() + "/elsewhere";
  const std::string content = content_of(data() + "/base/1/1000");
  fs::rename(data() + "/base/1/1000", elsewhere);
  fs::create_hard_link(elsewhere, data() + "/base/1/1000");
  write_at(elsewhere, 0, "changed");
  fs::rename(data() + "/base/1/1001", place() + "/linked");
  fs::create_symlink(place() + "/linked", data() + "/base/1/1001");
  fs::rename(data() + "/pg_wal", place() + "/wal");
  fs::create_directory_symlink(place() + "/wal", data() + "/pg_wal");
  std::ofstream(place() + "/wal/000000010000000000000009") << "on another disk";
  write_at(place() + "/linked", 0, "changed too");
  ASSERT_THAT(restore(), Succeeded());
  EXPECT_EQ(content_of(elsewhere), "changed" + content.substr(7));
  EXPECT_TRUE(content_of(place() + "/linked").starts_with("changed too"));
  EXPECT_EQ(content_of(place() + "/wal/000000010000000000000009"), "on another disk");
  EXPECT_TRUE(fs::is_symlink(leftovers() + "/base/1/1001"));
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, ReplacesWhatIsOfAnotherKind) {
  fs::remove(data() + "/base/1/1001");
  fs::create_directory(data() + "/base/1/1001");
  fs::remove_all(data() + "/pg_wal");
  std::ofstream(data() + "/pg_wal") << "a file";
  fs::remove(data() + "/pg_tblspc/77");
  fs::create_directory_symlink(place(), data() + "/pg_tblspc/77");
  ASSERT_THAT(restore(), Succeeded());
  EXPECT_EQ(content_of(leftovers() + "/pg_wal"), "a file");
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, TouchesNoDirectoryThatIsNotMarked) {
  write_at(data() + "/base/1/1000", 0, "changed");
  const auto before = tree_of(data());
  EXPECT_THAT(restore_over(*reader_, options(), restore_, StopToken(), {}), FailedWith(Code::internal, "not marked"));
  EXPECT_EQ(tree_of(data()), before);
}

// The process ends where it stands, at each report of progress in turn.
TEST_F(DeltaRestore, LeavesAMarkedDirectoryWhereverItIsKilledAndGoesOnFromThere) {
  for (int reports = 1;; ++reports) {
    SCOPED_TRACE(reports);
    write_at(data() + "/base/1/1000", 0, "changed");
    write_at(data() + "/base/1/1001", page, "changed");
    write_at(data() + "/global/pg_control", 100, "newer");
    fs::remove(data() + "/postgresql.conf");
    std::ofstream(data() + "/base/1/4000") << "foreign";
    const pid_t child = ::fork();
    if (child == 0) {
      int left = reports;
      FileRestoreOptions alone = options();
      alone.workers = 1;
      const bool marked = mark_incomplete(data(), owner_).has_value();
      const auto done = restore_over(*reader_, alone, restore_, StopToken(), [&](auto, auto) {
        if (--left == 0) ::_exit(9);
      });
      ::_exit(marked && done ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    ASSERT_TRUE(WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 0) << WEXITSTATUS(status);
    EXPECT_TRUE(is_marked_incomplete(data()));
    EXPECT_TRUE(fs::exists(data() + "/holdfast-restore-incomplete"));
    EXPECT_FALSE(fs::exists(data() + "/global/pg_control")) << "a server would start on it";
    restore_ = repository_.entropy.id<RestoreId>();
    ASSERT_THAT(restore(), Succeeded());
    expect_as_restored_in_full();
    EXPECT_FALSE(is_marked_incomplete(data()));
    if (WEXITSTATUS(status) == 0) {
      EXPECT_GT(reports, 8);
      break;
    }
  }
}

TEST_F(DeltaRestore, KeepsThePlacesOfAMarkAfterASecondOne) {
  ASSERT_THAT(mark_incomplete(data(), owner_), Succeeded());
  ASSERT_THAT(mark_incomplete(data(), owner_), Succeeded());
  EXPECT_FALSE(fs::exists(data() + "/global/pg_control"));
  ASSERT_THAT(clear_incomplete_mark(data(), owner_), Succeeded());
  ASSERT_THAT(clear_incomplete_mark(data(), owner_), Succeeded());
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, TakesTheOldContentFromClonesAndLeavesTheOldDirectoryAsItIs) {
  write_at(data() + "/base/1/1000", 0, "changed");
  write_at(location() + "/PG_15_1/2000", page, "changed");
  std::ofstream(data() + "/base/1/4000") << "foreign";
  fs::remove(data() + "/base/1/1001");
  fs::resize_file(data() + "/base/1/1002", 12 * page);
  write_at(data() + "/base/1/1002", 6 * page, "not zero");
  const auto old_data = tree_of(data());
  const auto old_tablespace = tree_of(location() + "/PG_15_1");
  ASSERT_THAT(set_aside(data_directory_entries(data(), restore_)), Succeeded());

  const auto done = restore_from_clones(*reader_, options(), restore_, copying_clones(), StopToken(), {});
  ASSERT_THAT(done, Succeeded());
  EXPECT_FALSE(fs::exists(data() + "/global/pg_control")) << "it is not the caller's last word";
  ASSERT_THAT(clear_incomplete_mark(data(), owner_), Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched + 3) << "of 1000, 1001, 2000";
  EXPECT_EQ(tree_of(aside_name(data(), restore_)), old_data);
  const std::string old_version = aside_name(location() + "/PG_15_1", restore_);
  EXPECT_EQ(tree_of(old_version), old_tablespace);
  fs::remove_all(old_version);
  expect_as_restored_in_full();
}

TEST_F(DeltaRestore, FetchesWhatCannotBeCloned) {
  ASSERT_THAT(set_aside(data_directory_entries(data(), restore_)), Succeeded());
  ASSERT_THAT(restore_from_clones(*reader_, options(), restore_, no_clones(), StopToken(), {}), Succeeded());
  ASSERT_THAT(clear_incomplete_mark(data(), owner_), Succeeded());
  fs::remove_all(aside_name(location() + "/PG_15_1", restore_));
  expect_as_restored_in_full();
}

// Only where /tmp is on a file system with reflinks.
TEST_F(DeltaRestore, ClonesWithTheKernelWhereItCan) {
  const FileClones clones = kernel_file_clones();
  if (!clones.work_in(data())) GTEST_SKIP() << "no reflinks here";
  write_at(data() + "/base/1/1000", 0, "changed");
  const auto old_data = tree_of(data());
  ASSERT_THAT(set_aside(data_directory_entries(data(), restore_)), Succeeded());
  const auto done = restore_from_clones(*reader_, options(), restore_, clones, StopToken(), {});
  ASSERT_THAT(done, Succeeded());
  ASSERT_THAT(clear_incomplete_mark(data(), owner_), Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched + 1);
  EXPECT_EQ(tree_of(aside_name(data(), restore_)), old_data);
  fs::remove_all(aside_name(location() + "/PG_15_1", restore_));
  expect_as_restored_in_full();
}

}  // namespace
}  // namespace holdfast
