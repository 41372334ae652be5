#include "agent/restore/set_aside.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/agent/sqlite/sqlite_file.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class SetAside : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return place_.path() + "/" + name; }
  void write(const std::string& name, const std::string& content) {
    fs::create_directories(fs::path(at(name)).parent_path());
    std::ofstream(at(name)) << content;
  }
  std::string read(const std::string& name) const {
    std::ifstream file(at(name));
    return {std::istreambuf_iterator<char>(file), {}};
  }
  // A cluster with one tablespace.
  void make_cluster() {
    write("data/PG_VERSION", "15\n");
    write("data/base/1", "old");
    write("fast/PG_15_202209061/5/1", "old");
    write("fast/PG_14_202107181/5/1", "another server's");
    fs::create_directory(at("data/pg_tblspc"));
    fs::create_directory_symlink(at("fast"), at("data/pg_tblspc/16385"));
  }

  SqlitePlace place_;
  const RestoreId restore_ = RestoreId(std::array<std::uint8_t, 16>{1, 2, 3});
};

TEST_F(SetAside, TakesTheDirectoryAndItsTablespaces) {
  make_cluster();
  const auto entries = data_directory_entries(at("data"), restore_);
  ASSERT_TRUE(set_aside(entries));
  EXPECT_FALSE(fs::exists(at("data")));
  EXPECT_FALSE(fs::exists(at("fast/PG_15_202209061")));
  EXPECT_EQ(read("fast/PG_14_202107181/5/1"), "another server's");
  EXPECT_TRUE(has_aside(entries));
  // Afterwards the same entries follow from what lies there, as rollback needs them.
  EXPECT_EQ(data_directory_entries(at("data"), restore_), entries);
}

TEST_F(SetAside, IsPutBackOverWhateverTheRestoreLeft) {
  make_cluster();
  const auto entries = data_directory_entries(at("data"), restore_);
  ASSERT_TRUE(set_aside(entries));
  write("data/base/1", "half restored");
  write("fast/PG_15_202209061/5/1", "half restored");
  ASSERT_TRUE(put_back(data_directory_entries(at("data"), restore_)));
  EXPECT_EQ(read("data/base/1"), "old");
  EXPECT_EQ(read("fast/PG_15_202209061/5/1"), "old");
  EXPECT_FALSE(has_aside(entries));
  ASSERT_TRUE(put_back(entries));  // again, as after a crash
  EXPECT_EQ(read("data/base/1"), "old");
}

TEST_F(SetAside, IsPutBackAfterACrashInTheMiddle) {
  make_cluster();
  const auto entries = data_directory_entries(at("data"), restore_);
  ASSERT_EQ(entries.size(), 2U);
  fs::rename(entries[1].original, entries[1].aside);  // only the tablespace was moved
  ASSERT_TRUE(put_back(data_directory_entries(at("data"), restore_)));
  EXPECT_EQ(read("fast/PG_15_202209061/5/1"), "old");
  EXPECT_EQ(read("data/base/1"), "old");
}

TEST_F(SetAside, DoesNothingHalfway) {
  make_cluster();
  const auto entries = data_directory_entries(at("data"), restore_);
  fs::create_directory(entries[0].aside);  // in the way of the last step
  const auto done = set_aside(entries);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, Code::conflict);
  EXPECT_EQ(read("fast/PG_15_202209061/5/1"), "old");
  EXPECT_EQ(read("data/base/1"), "old");
}

TEST_F(SetAside, IsRemovedWhenItIsFinal) {
  make_cluster();
  const auto entries = data_directory_entries(at("data"), restore_);
  ASSERT_TRUE(set_aside(entries));
  write("data/base/1", "new");
  ASSERT_TRUE(discard_aside(entries));
  ASSERT_TRUE(discard_aside(entries));
  EXPECT_FALSE(has_aside(entries));
  EXPECT_EQ(read("data/base/1"), "new");
}

TEST_F(SetAside, KeepsTheFilesOfASqliteDatabaseTogether) {
  write("app.db", "old");
  write("app.db-wal", "old wal");
  const auto entries = sqlite_entries(at("app.db"), restore_);
  ASSERT_TRUE(set_aside(entries));
  EXPECT_EQ(read(fs::path(aside_name("app.db", restore_)).string() + "-wal"), "old wal");
  write("app.db", "new");
  write("app.db-shm", "the new one's");
  ASSERT_TRUE(put_back(entries));
  EXPECT_EQ(read("app.db"), "old");
  EXPECT_EQ(read("app.db-wal"), "old wal");
  EXPECT_FALSE(fs::exists(at("app.db-shm")));  // of the database that is gone
}

TEST_F(SetAside, HasNothingToDoWhereNothingWas) {
  const auto entries = sqlite_entries(at("app.db"), restore_);
  ASSERT_TRUE(set_aside(entries));
  EXPECT_FALSE(has_aside(entries));
  write("app.db", "somebody's");
  ASSERT_TRUE(put_back(entries));
  EXPECT_EQ(read("app.db"), "somebody's");
}

}  // namespace
}  // namespace holdfast
