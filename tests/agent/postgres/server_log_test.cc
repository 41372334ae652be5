#include "agent/postgres/server_log.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "shared/os/clock.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class ServerLogs : public ::testing::Test {
 protected:
  static void append(const std::string& path, const std::string& text) {
    std::ofstream(path, std::ios::app | std::ios::binary) << text;
  }
  // As the collector does it: under another name first.
  void name_collected(const std::string& line) {
    append(data() + "/new", line);
    fs::rename(data() + "/new", data() + "/current_logfiles");
  }
  ServerLog started(std::string unit = {}) { return {{data(), {file()}, std::move(unit)}, clock_}; }
  std::string data() const { return place_.path(); }
  std::string file() const { return place_ / "server.log"; }

  TemporaryDirectory place_;
  SystemClock clock_;
};

TEST_F(ServerLogs, HoldWhatWasSaidSinceTheStart) {
  append(file(), "FATAL:  long ago\n");
  const ServerLog log = started();
  EXPECT_EQ(log.said(), "");
  append(file(), "LOG:  now\n");
  EXPECT_EQ(log.said(), "LOG:  now\n");
}

TEST_F(ServerLogs, AreReadFromTheFrontWhenTheyWereRotated) {
  append(file(), "FATAL:  long ago\n");
  const ServerLog log = started();
  fs::rename(file(), file() + ".1");
  append(file(), "LOG:  in the new file, which has become longer than the old one was\n");
  EXPECT_THAT(log.said(), HasSubstr("LOG:  in the new"));
  const ServerLog second = started();
  fs::resize_file(file(), 0);
  append(file(), "x\n");
  EXPECT_EQ(second.said(), "x\n");
}

TEST_F(ServerLogs, AreBoundedAndKeepTheirEnd) {
  const ServerLog log = started();
  append(file(), std::string(1U << 20U, 'x') + "end");
  EXPECT_LE(log.said().size(), 64U << 10U);
  EXPECT_THAT(log.said(), ::testing::EndsWith("end"));
}

TEST_F(ServerLogs, AreThoseOfTheServersOwnCollectorToo) {
  append(data() + "/monday.log", "LOG:  starting PostgreSQL 15\nFATAL:  long ago\n");
  name_collected("stderr monday.log\n");
  const ServerLog log = started();
  append(file(), "HINT:  Future log output will appear in directory \"log\".\n");
  EXPECT_THAT(log.said(), ::testing::Not(HasSubstr("long ago")));
  append(data() + "/monday.log", "LOG:  starting PostgreSQL 15\nFATAL:  now\n");
  name_collected("stderr monday.log\ncsvlog monday.csv\n");
  EXPECT_THAT(log.said(), HasSubstr("FATAL:  now"));
  EXPECT_THAT(log.said(), ::testing::Not(HasSubstr("long ago")));
}

TEST_F(ServerLogs, OfACollectorThatGoesOnInAFileOfAnotherDirectoryBeginWithThisStart) {
  const std::string elsewhere = place_ / "elsewhere.log";
  append(elsewhere, "LOG:  starting PostgreSQL 15\nFATAL:  of the directory that was replaced\n");
  const ServerLog log = started();
  append(elsewhere, "UTC [7] LOG:  starting PostgreSQL 15\nFATAL:  now\n");
  name_collected("stderr " + elsewhere + "\n");
  EXPECT_EQ(log.said(), "LOG:  starting PostgreSQL 15\nFATAL:  now\n");
}

TEST_F(ServerLogs, OfAnEarlierCollectorDoNotCountWhenThisServerNeverGotSoFar) {
  append(data() + "/monday.log", "LOG:  starting PostgreSQL 15\nFATAL:  long ago\n");
  name_collected("stderr monday.log\n");
  const ServerLog log = started();
  append(file(), "FATAL:  lock file is in the way\n");
  EXPECT_EQ(log.said(), "FATAL:  lock file is in the way\n");
}

TEST_F(ServerLogs, AreAskedOfTheUnitsJournal) {
  const std::string program = place_ / "journalctl";
  append(program, "#!/bin/sh\necho \"FATAL:  in the journal\"\necho \"$@\" > " + (place_ / "asked") + "\n");
  fs::permissions(program, fs::perms::owner_all);
  const std::string path = std::getenv("PATH");
  ::setenv("PATH", (place_.path() + ":" + path).c_str(), 1);
  const std::string said = started("postgresql@15-main.service").said();
  ::setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(said, "FATAL:  in the journal\n");
  std::ifstream asked(place_ / "asked");
  const std::string arguments{std::istreambuf_iterator<char>(asked), {}};
  EXPECT_THAT(arguments, HasSubstr("--unit=postgresql@15-main.service"));
  EXPECT_THAT(arguments, HasSubstr("--since=@"));
}

}  // namespace
}  // namespace holdfast
