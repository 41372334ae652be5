#include "agent/restore/delta_restore.h"

#include <sys/wait.h>

#include <filesystem>
#include <fstream>

#include "tests/agent/restore/copying_clones.h"
#include "tests/agent/restore/small_cluster_backup.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

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
  const std::uint64_t before = data_in(file);
  write_at(file, 2 * page + 5, "not zero");
  write_at(file, 7 * page, std::string(page, 'x'));
  write_at(file, 5 * page, std::string(page, '\0'));  // written, and zero all the same
  const auto done = restore();
  ASSERT_THAT(done, Succeeded());
  EXPECT_EQ(done->content.frames_fetched, always_fetched);
  EXPECT_EQ(done->content.written, 4096 + page);
  expect_as_restored_in_full();
  EXPECT_LE(data_in(file), before + page) << "what was made zero is a hole again";
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
