#include "agent/sqlite/snapshot.h"

#include <dirent.h>
#include <gmock/gmock.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "shared/base/unique_handle.h"
#include "shared/sqlite/connection.h"
#include "tests/agent/sqlite/sqlite_file.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class Snapshot : public testing::TestWithParam<SqliteFileMode> {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(place_.path() + "/scratch");
    options_.scratch_directory = place_.path() + "/scratch";
    options_.pages_per_step = 7;
  }
  std::string database() const { return place_.path() + "/app.db"; }
  Result<SqliteSnapshot> take() { return take_snapshot(database(), open_files_, clock_, options_, stop_, {}); }
  // The image under a name.
  std::string saved(const SqliteSnapshot& snapshot) {
    const std::string path = place_.path() + "/saved.db";
    std::filesystem::remove(path);
    std::ofstream(path, std::ios::binary) << content_of("/proc/self/fd/" + std::to_string(snapshot.image.get()));
    return path;
  }
  bool scratch_is_empty() const { return std::filesystem::is_empty(options_.scratch_directory); }

  SqlitePlace place_;
  OpenSqliteFiles open_files_;
  SystemClock clock_;
  SnapshotOptions options_;
  StopToken stop_;
};

TEST_P(Snapshot, IsTheDatabaseByteForByte) {
  for (const int page_size : {512, 4096, 65536}) {
    std::filesystem::remove(database());
    make_sqlite_file(database(), GetParam(), 500, page_size);
    const auto snapshot = take();
    ASSERT_TRUE(snapshot) << snapshot.error().text();
    EXPECT_EQ(snapshot->header.page_size, static_cast<std::uint32_t>(page_size));
    // The last connection of make_sqlite_file put all of the WAL into the file.
    EXPECT_EQ(content_of(saved(*snapshot)), content_of(database())) << page_size;
    EXPECT_EQ(snapshot->pages * snapshot->header.page_size, std::filesystem::file_size(database()));
    EXPECT_TRUE(scratch_is_empty());
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(database() + suffix);
  }
}

TEST_P(Snapshot, HoldsOneStateWhileAnApplicationWrites) {
  make_sqlite_file(database(), GetParam(), 2000);
  SqliteWriter writer(database());
  for (int round = 0; round < 5; ++round) {
    writer.wait_for_commits(20);
    const auto snapshot = take();
    ASSERT_TRUE(snapshot) << snapshot.error().text();
    const std::string path = saved(*snapshot);
    EXPECT_EQ(sqlite_query(path, "PRAGMA integrity_check"), "ok");
    EXPECT_EQ(sqlite_query(path, "SELECT sum(balance) FROM account"), "200000");
    EXPECT_EQ(sqlite_query(path, "SELECT count(*) FROM note"), "2000");
    for (const char* suffix : {"-wal", "-shm"}) std::filesystem::remove(path + suffix);
  }
  writer.wait_for_commits(20);
}

TEST_P(Snapshot, LeavesTheDatabaseAsItWas) {
  make_sqlite_file(database(), GetParam(), 200);
  const std::string before = content_of(database());
  struct stat was {};
  ::stat(database().c_str(), &was);
  ASSERT_TRUE(take());
  EXPECT_EQ(content_of(database()), before);
  struct stat is {};
  ::stat(database().c_str(), &is);
  EXPECT_EQ(is.st_mtim.tv_sec, was.st_mtim.tv_sec);
  EXPECT_EQ(is.st_mtim.tv_nsec, was.st_mtim.tv_nsec);
  EXPECT_EQ(sqlite_query(database(), "PRAGMA journal_mode"), GetParam() == SqliteFileMode::wal ? "wal" : "delete");
}

TEST_P(Snapshot, StopsWhenTold) {
  make_sqlite_file(database(), GetParam(), 2000);
  stop_.request_stop();
  const auto snapshot = take();
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code, Code::cancelled);
  EXPECT_TRUE(scratch_is_empty());
}

INSTANTIATE_TEST_SUITE_P(Modes, Snapshot, testing::Values(SqliteFileMode::rollback, SqliteFileMode::wal),
                         [](const auto& tested) { return tested.param == SqliteFileMode::wal ? "Wal" : "Rollback"; });

using SnapshotOfOne = Snapshot;
INSTANTIATE_TEST_SUITE_P(Wal, SnapshotOfOne, testing::Values(SqliteFileMode::wal));

TEST_P(SnapshotOfOne, SeesCommitsThatAreOnlyInTheWal) {
  make_sqlite_file(database(), SqliteFileMode::wal, 50);
  auto application = SqliteConnection::open(database(), SqliteOpen::read_write, Micros(0));
  ASSERT_TRUE(application->execute("PRAGMA wal_autocheckpoint=0; CREATE TABLE late(x); INSERT INTO late VALUES(42)"));
  const std::string wal = content_of(database() + "-wal");
  ASSERT_GT(wal.size(), 4096U);
  const auto snapshot = take();
  ASSERT_TRUE(snapshot) << snapshot.error().text();
  EXPECT_EQ(content_of(database() + "-wal"), wal);  // not checkpointed, not reset
  // The same state put into the file by SQLite itself is the same bytes, the first page included.
  ASSERT_TRUE(application->execute("PRAGMA wal_checkpoint(TRUNCATE)"));
  EXPECT_EQ(content_of(saved(*snapshot)), content_of(database()));
}

TEST_P(SnapshotOfOne, DoesNotCheckpointWhenItIsTheLastToClose) {
  make_sqlite_file(database(), SqliteFileMode::wal, 50);
  {
    SqliteWriter killed(database());
    killed.wait_for_commits(5);
  }
  const std::string file = content_of(database());
  const std::string wal = content_of(database() + "-wal");
  ASSERT_FALSE(wal.empty());
  const auto snapshot = take();
  ASSERT_TRUE(snapshot) << snapshot.error().text();
  EXPECT_EQ(content_of(database()), file);
  EXPECT_EQ(content_of(database() + "-wal"), wal);
  EXPECT_EQ(sqlite_query(saved(*snapshot), "SELECT sum(balance) FROM account"), "5000");
}

TEST_P(SnapshotOfOne, GivesUpOnALockedDatabase) {
  make_sqlite_file(database(), SqliteFileMode::rollback, 5);
  options_.busy_timeout = std::chrono::milliseconds(50);
  auto application = SqliteConnection::open(database(), SqliteOpen::read_write, Micros(0));
  ASSERT_TRUE(application->execute("BEGIN EXCLUSIVE"));
  const auto snapshot = take();
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code, Code::unavailable);
  EXPECT_THAT(snapshot.error().message, HasSubstr("stayed locked for 50ms"));
}

TEST_P(SnapshotOfOne, SaysThatAnExclusiveWalCannotBeRead) {
  make_sqlite_file(database(), SqliteFileMode::wal, 5);
  options_.busy_timeout = std::chrono::milliseconds(50);
  auto application = SqliteConnection::open(database(), SqliteOpen::read_write, Micros(0));
  ASSERT_TRUE(application->execute("PRAGMA locking_mode=EXCLUSIVE; INSERT INTO note(text) VALUES('x')"));
  const auto snapshot = take();
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code, Code::unsupported);
  EXPECT_THAT(snapshot.error().message, HasSubstr("exclusive locking mode"));
}

TEST_P(SnapshotOfOne, RefusesWhatIsNoDatabase) {
  std::ofstream(database()) << std::string(8192, '\x17');  // as an encrypted one looks
  EXPECT_EQ(take().error().code, Code::unsupported);
  make_sqlite_file(place_.path() + "/wal2.db", SqliteFileMode::rollback, 5);
  std::filesystem::rename(place_.path() + "/wal2.db", database());
  std::fstream(database(), std::ios::in | std::ios::out | std::ios::binary).seekp(18) << "\x03\x03";
  EXPECT_EQ(take().error().code, Code::unsupported);
  std::filesystem::remove(database());
  EXPECT_EQ(take().error().code, Code::not_found);
}

TEST_P(SnapshotOfOne, NamesADamagedDatabase) {
  make_sqlite_file(database(), SqliteFileMode::rollback, 5);
  std::filesystem::resize_file(database(), 4096);  // fewer pages than its header says
  const auto snapshot = take();
  ASSERT_FALSE(snapshot);
  EXPECT_THAT(snapshot.error().message, HasSubstr(database()));
}

}  // namespace
}  // namespace holdfast
