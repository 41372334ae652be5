#include "shared/sqlite/connection.h"

#include <gtest/gtest.h>

#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

class Sqlite : public testing::Test {
 protected:
  SqliteConnection open(SqliteOpen mode = SqliteOpen::create) {
    auto connection = SqliteConnection::open(directory_ / "a.db", mode, std::chrono::milliseconds(0));
    EXPECT_THAT(connection, Succeeded());
    return std::move(*connection);
  }
  TemporaryDirectory directory_;
};

TEST_F(Sqlite, BindsAndReadsEveryKind) {
  auto connection = open();
  ASSERT_THAT(connection.execute("CREATE TABLE t (i, s, b)"), Succeeded());
  auto insert = connection.prepare("INSERT INTO t VALUES (?1, ?2, ?3)").value();
  ASSERT_THAT(insert.bind(1, std::int64_t{-5}).bind(2, std::string_view("x")).bind(3, ByteView()).run(), Succeeded());
  auto select = connection.prepare("SELECT i, s, b, NULL FROM t").value();
  ASSERT_TRUE(select.step().value());
  EXPECT_EQ(select.integer(0), -5);
  EXPECT_EQ(select.text(1), "x");
  EXPECT_TRUE(select.blob(2).empty());
  EXPECT_FALSE(select.is_null(2));
  EXPECT_TRUE(select.is_null(3));
  EXPECT_FALSE(select.step().value());
}

TEST_F(Sqlite, AnUncommittedTransactionLeavesNothing) {
  auto connection = open();
  ASSERT_THAT(connection.execute("CREATE TABLE t (i)"), Succeeded());
  {
    auto change = SqliteTransaction::begin(connection);
    ASSERT_THAT(connection.execute("INSERT INTO t VALUES (1)"), Succeeded());
  }
  auto count = connection.prepare("SELECT count(*) FROM t").value();
  ASSERT_TRUE(count.step().value());
  EXPECT_EQ(count.integer(0), 0);
}

TEST_F(Sqlite, ALockedDatabaseIsUnavailableNotBroken) {
  auto one = open();
  ASSERT_THAT(one.execute("CREATE TABLE t (i)"), Succeeded());
  auto two = open();
  auto change = SqliteTransaction::begin(one);
  ASSERT_THAT(change, Succeeded());
  EXPECT_THAT(SqliteTransaction::begin(two), FailedWith(Code::unavailable));
}

TEST_F(Sqlite, AMissingFileIsNotMadeByReading) {
  EXPECT_THAT(SqliteConnection::open(directory_ / "none.db", SqliteOpen::read_only, Micros(0)),
              FailedWith(Code::not_found, "none.db"));
}

}  // namespace
}  // namespace holdfast
