#include "agent/discovery/sqlite_files.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "shared/sqlite/connection.h"
#include "tests/agent/sqlite/sqlite_file.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SqliteFiles : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* directory : {"srv", "srv/deep", "srv/deep/er", "cache"}) make_directory(directory);
  }
  std::string at(const std::string& name) const { return place_.path() + "/" + name; }
  void make_directory(const std::string& name) { std::filesystem::create_directories(at(name)); }
  void write(const std::string& name, const std::string& content) { std::ofstream(at(name)) << content; }
  void make_database(const std::string& name) { make_sqlite_file(at(name), SqliteFileMode::rollback, 3); }

  std::vector<std::string> find(SqliteSearch search = {}) {
    if (search.roots.empty()) search.roots = {place_.path()};
    result_ = find_sqlite_files(search, open_files_);
    std::vector<std::string> names;
    for (const auto& found : result_.databases) names.push_back(found.path.substr(place_.path().size() + 1));
    return names;
  }

  SqlitePlace place_;
  OpenSqliteFiles open_files_;
  SqliteSearchResult result_;
};

TEST_F(SqliteFiles, AreKnownByTheirHeaderNotByTheirName) {
  make_database("srv/app.db");
  make_database("srv/deep/Cookies");
  write("srv/fake.sqlite3", "not a database, but long enough to be read: " + std::string(200, 'x'));
  write("srv/magic.txt", std::string("SQLite format 3\0", 16) + std::string(200, 'x'));
  write("srv/short.db", "SQLite");
  write("srv/empty.db", "");
  EXPECT_THAT(find(), ElementsAre("srv/app.db", "srv/deep/Cookies"));
  EXPECT_EQ(result_.databases[0].header.page_size, 4096U);
  EXPECT_EQ(result_.databases[0].header.journal, SqliteJournal::rollback);
  EXPECT_TRUE(result_.complete);
  EXPECT_THAT(result_.problems, IsEmpty());
}

TEST_F(SqliteFiles, SayWhetherTheyAreInWalMode) {
  make_sqlite_file(at("srv/wal.db"), SqliteFileMode::wal, 3);
  EXPECT_THAT(find(), ElementsAre("srv/wal.db"));
  EXPECT_EQ(result_.databases[0].header.journal, SqliteJournal::wal);
}

TEST_F(SqliteFiles, PassOverWhatBelongsToADatabaseOrToUs) {
  make_database("srv/app.db");
  for (const char* name : {"srv/app.db-wal", "srv/app.db-shm", "srv/app.db-journal", "srv/app.db.holdfast-before-12"}) {
    std::filesystem::copy_file(at("srv/app.db"), at(name));
  }
  EXPECT_THAT(find(), ElementsAre("srv/app.db"));
}

TEST_F(SqliteFiles, OfOneInodeAreOneDatabase) {
  make_database("srv/b.db");
  std::filesystem::create_hard_link(at("srv/b.db"), at("srv/a.db"));
  EXPECT_THAT(find(), ElementsAre("srv/a.db"));
  EXPECT_THAT(find({.roots = {place_.path(), at("srv"), at("srv/b.db")}, .excluded = {}}), ElementsAre("srv/a.db"));
}

TEST_F(SqliteFiles, AreNotFoundThroughLinks) {
  make_database("cache/real.db");
  std::filesystem::create_symlink(at("cache/real.db"), at("srv/link.db"));
  std::filesystem::create_directory_symlink(at("cache"), at("srv/linked"));
  EXPECT_THAT(find({.roots = {at("srv")}, .excluded = {}}), IsEmpty());
}

TEST_F(SqliteFiles, MayHaveALinkForARoot) {
  make_database("cache/real.db");
  std::filesystem::create_directory_symlink(at("cache"), at("root"));
  EXPECT_THAT(find({.roots = {at("root")}, .excluded = {}}), ElementsAre("cache/real.db"));
}

TEST_F(SqliteFiles, AreNotOpenedWhenExcluded) {
  make_database("srv/app.db");
  make_database("cache/a.db");
  make_database("srv/deep/b.tmp");
  ASSERT_EQ(::mkfifo(at("srv/deep/pipe").c_str(), 0600), 0);  // opening it would never end
  EXPECT_THAT(find({.roots = {}, .excluded = {at("cache/"), "*.tmp"}}), ElementsAre("srv/app.db"));
  EXPECT_THAT(find({.roots = {}, .excluded = {place_.path()}}), IsEmpty());
}

TEST_F(SqliteFiles, BelowTheDepthAreReportedAsNotSearched) {
  make_database("srv/app.db");
  make_database("srv/deep/er/x.db");
  EXPECT_THAT(find({.roots = {}, .excluded = {}, .max_depth = 2}), ElementsAre("srv/app.db"));
  EXPECT_FALSE(result_.complete);
  find({.roots = {}, .excluded = {}, .max_depth = 12, .max_entries = 2});
  EXPECT_FALSE(result_.complete);
}

TEST_F(SqliteFiles, GoOnAfterARootThatIsMissing) {
  make_database("srv/app.db");
  EXPECT_THAT(find({.roots = {at("nowhere"), at("srv")}, .excluded = {}}), ElementsAre("srv/app.db"));
  ASSERT_EQ(result_.problems.size(), 1U);
  EXPECT_EQ(result_.problems[0].code, Code::not_found);
}

TEST_F(SqliteFiles, OfTheKernelAreLeftAlone) {
  EXPECT_THAT(find_sqlite_files({.roots = {"/proc", "/sys"}, .excluded = {}}, open_files_).databases, IsEmpty());
  EXPECT_THAT(find_sqlite_files({.roots = {"/proc", "/sys"}, .excluded = {}}, open_files_).problems, IsEmpty());
}

// Whether another process finds a lock on the file: asked in a child, since a process never sees its own locks.
bool locked_for_others(const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    ::fcntl(fd, F_GETLK, &lock);
    ::_exit(lock.l_type == F_UNLCK ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WEXITSTATUS(status) == 1;
}

TEST_F(SqliteFiles, KeepTheirLocksWhileASearchLooksAtThem) {
  make_database("srv/app.db");
  const auto lease = open_files_.hold(at("srv/app.db"));
  ASSERT_TRUE(lease) << lease.error().text();
  auto connection = SqliteConnection::open(at("srv/app.db"), SqliteOpen::read_write, Micros(0));
  ASSERT_TRUE(connection->execute("BEGIN IMMEDIATE"));
  ASSERT_TRUE(locked_for_others(at("srv/app.db")));
  EXPECT_THAT(find(), ElementsAre("srv/app.db"));
  EXPECT_TRUE(locked_for_others(at("srv/app.db")));
  // What the lease is for: any other descriptor of the file would have dropped the lock.
  { const UniqueFd stray(::open(at("srv/app.db").c_str(), O_RDONLY | O_CLOEXEC)); }
  EXPECT_FALSE(locked_for_others(at("srv/app.db")));
}

TEST_F(SqliteFiles, AreNotReadWhileTheyAreHeld) {
  make_database("srv/app.db");
  std::optional<OpenSqliteFiles::Lease> lease = *open_files_.hold(at("srv/app.db"));
  write("srv/app.db", std::string(4096, 'x'));
  EXPECT_THAT(find(), ElementsAre("srv/app.db"));
  lease.reset();
  EXPECT_THAT(find(), IsEmpty());
}

TEST(SqliteHeader, IsStrict) {
  Bytes header(100);
  const std::string_view magic("SQLite format 3\0", 16);
  std::copy(magic.begin(), magic.end(), header.begin());
  header[16] = 0x10;
  header[18] = header[19] = 2;
  header[21] = 64;
  header[22] = header[23] = 32;
  ASSERT_TRUE(parse_sqlite_header(header));
  EXPECT_EQ(parse_sqlite_header(header)->journal, SqliteJournal::wal);
  const auto with = [header](std::size_t offset, std::uint8_t value) {
    Bytes changed = header;
    changed[offset] = value;
    return parse_sqlite_header(changed);
  };
  EXPECT_FALSE(with(0, 's'));
  EXPECT_FALSE(with(15, '!'));
  EXPECT_FALSE(with(16, 0x11));  // 4352 is no power of two
  EXPECT_FALSE(with(16, 0));     // 0
  EXPECT_FALSE(with(21, 63));
  EXPECT_EQ(with(18, 3)->journal, SqliteJournal::other);
  EXPECT_EQ(with(17, 0)->page_size, 4096U);
  Bytes large = header;
  large[16] = 0;
  large[17] = 1;
  EXPECT_EQ(parse_sqlite_header(large)->page_size, 65536U);
  EXPECT_FALSE(parse_sqlite_header(ByteView(header).first(99)));
}

}  // namespace
}  // namespace holdfast
