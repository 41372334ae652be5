#include "agent/shutdown/sqlite_closing.h"

#include <gmock/gmock.h>
#include <sqlite3.h>

#include <filesystem>

#include "shared/sqlite/connection.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Closing : public testing::Test {
 protected:
  void make(const std::string& journal) {
    auto made = open();
    ASSERT_THAT(made.execute("PRAGMA journal_mode=" + journal + "; CREATE TABLE t (n INTEGER)"), Succeeded());
  }
  SqliteConnection open() { return SqliteConnection::open(path_, SqliteOpen::create, std::chrono::seconds(5)).value(); }
  DatabaseReceipt close() {
    SqliteClosing closing(
        {path_, min_copies_, std::chrono::milliseconds(300), file_},
        {open_files_, clock_, back_up_, [this](const JobStep& step) { told_.push_back(step.name); }, stop_});
    return closing.run();
  }

  TemporaryDirectory directory_;
  const std::string path_ = std::string(directory_.path()) + "/app.data";
  SeededEntropy entropy_{2};
  OpenSqliteFiles open_files_;
  SystemClock clock_;
  StopToken stop_;
  std::uint32_t min_copies_ = 1;
  SqliteClosing::Database::File file_ = SqliteClosing::Database::File::closes;
  std::function<Result<Backup>()> back_up_ = [this]() -> Result<Backup> {
    Backup backup;
    backup.id = entropy_.id<BackupId>();
    backup.copies = {{"local", "ok"}};
    return backup;
  };
  std::vector<std::string> told_;
};

TEST_F(Closing, PutsTheLogIntoTheFileWhenNobodyHasItOpenAndAllOfItIntoABackup) {
  make("WAL");
  {
    auto app = open();
    sqlite3_db_config(app.native(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    ASSERT_THAT(app.execute("INSERT INTO t VALUES (1)"), Succeeded());
  }
  ASSERT_GT(std::filesystem::file_size(path_ + "-wal"), 0U);
  const auto receipt = close();
  EXPECT_TRUE(receipt.whole) << receipt.verdict;
  EXPECT_THAT(receipt.verdict, StartsWith("nothing missing"));
  EXPECT_EQ(receipt.state, "closed");
  EXPECT_FALSE(receipt.backup.is_null());
  EXPECT_EQ(told_, (std::vector<std::string>{"checkpoint", "ship"}));
  std::error_code none;
  const auto left = std::filesystem::file_size(path_ + "-wal", none);
  EXPECT_TRUE(none || left == 0);
}

TEST_F(Closing, LeavesAFileAloneThatSomebodyHasOpen) {
  make("WAL");
  auto app = open();
  ASSERT_THAT(app.execute("INSERT INTO t VALUES (1)"), Succeeded());
  const auto log = std::filesystem::file_size(path_ + "-wal");
  const auto receipt = close();
  EXPECT_EQ(receipt.state, "in use");
  EXPECT_EQ(receipt.steps.at(0).outcome, StepOutcome::skipped);
  EXPECT_EQ(std::filesystem::file_size(path_ + "-wal"), log) << "no checkpoint beside a writer";
  EXPECT_TRUE(receipt.whole) << receipt.verdict;
  EXPECT_THAT(receipt.verdict, HasSubstr("somebody has it open"));
  EXPECT_THAT(app.execute("INSERT INTO t VALUES (2)"), Succeeded()) << "and it can go on";
}

TEST_F(Closing, NeverSaysNothingMissingOfWhatWasWrittenMeanwhile) {
  make("WAL");
  auto app = open();
  const auto take = back_up_;
  back_up_ = [&]() -> Result<Backup> {
    auto backup = take();
    EXPECT_THAT(app.execute("INSERT INTO t VALUES (1)"), Succeeded());
    return backup;
  };
  const auto receipt = close();
  EXPECT_FALSE(receipt.whole);
  EXPECT_THAT(receipt.verdict, HasSubstr("may miss that"));
}

TEST_F(Closing, NeverSaysItWithoutABackupOrWithTooFewCopies) {
  make("WAL");
  min_copies_ = 2;
  EXPECT_FALSE(close().whole);
  min_copies_ = 1;
  back_up_ = []() -> Result<Backup> { return fail(Code::unavailable, "the store is away"); };
  const auto receipt = close();
  EXPECT_FALSE(receipt.whole);
  EXPECT_THAT(receipt.verdict, HasSubstr("on this host only"));
  EXPECT_THAT(receipt.steps.at(1).sentence, HasSubstr("the store is away"));
  stop_.request_stop();
  EXPECT_FALSE(close().whole);
}

TEST_F(Closing, OfAFileWithoutALogIsItsBackup) {
  make("DELETE");
  const auto receipt = close();
  EXPECT_EQ(receipt.steps.at(0).outcome, StepOutcome::skipped);
  EXPECT_TRUE(receipt.whole) << receipt.verdict;
}

}  // namespace
}  // namespace holdfast
