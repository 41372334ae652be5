#include "agent/startup/gathering.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "shared/os/posix_file_system.h"
#include "tests/harness/manual_clock.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class StartupGathering : public testing::Test {
 protected:
  StartupFacts gather() { return gather_startup_facts(files_, clock_, {state_, directory_ / "agent.yaml", ""}); }
  static void write(const std::string& path, mode_t mode) {
    std::ofstream(path) << "x";
    ::chmod(path.c_str(), mode);
  }

  TemporaryDirectory directory_;
  PosixFileSystem files_;
  ManualClock clock_;
  std::string state_ = directory_ / "deep/state";
};

TEST_F(StartupGathering, MakesNothingAndKnowsTheSpaceOfWhatWillBeMade) {
  const StartupFacts facts = gather();
  EXPECT_FALSE(facts.directory_found.has_value());
  EXPECT_FALSE(facts.unreadable.has_value());
  EXPECT_FALSE(facts.configuration_file.has_value());
  ASSERT_TRUE(facts.space.has_value());
  EXPECT_GT(facts.space->total_bytes, 0U);
  EXPECT_EQ(facts.now, clock_.now());
  EXPECT_EQ(facts.user, ::geteuid());
  EXPECT_FALSE(fs::exists(directory_ / "deep"));
}

TEST_F(StartupGathering, SeesModesOfWhatIsThere) {
  fs::create_directories(state_);
  ::chmod(state_.c_str(), 0750);
  write(state_ + "/node.key", 0640);
  write(directory_ / "agent.yaml", 0664);
  const StartupFacts facts = gather();
  ASSERT_TRUE(facts.directory_found.has_value());
  EXPECT_EQ(facts.directory_found->info.mode, 0750U);
  ASSERT_EQ(facts.secrets.size(), 1U);
  EXPECT_EQ(facts.secrets[0].info.mode, 0640U);
  EXPECT_EQ(facts.secrets[0].info.uid, ::geteuid());
  ASSERT_TRUE(facts.configuration_file.has_value());
  EXPECT_EQ(facts.configuration_file->info.mode, 0664U);
}

TEST_F(StartupGathering, GoesWhereALinkLeads) {
  fs::create_directories(directory_ / "real");
  fs::create_directories(directory_ / "deep");
  fs::create_symlink(directory_ / "real", state_);
  const StartupFacts facts = gather();
  ASSERT_TRUE(facts.directory_found.has_value());
  EXPECT_EQ(facts.directory_found->info.kind, FileKind::directory);
}

TEST_F(StartupGathering, MakesADirectoryUsableAndPrivateAndLeavesNothingInIt) {
  fs::create_directories(state_);
  ::chmod(state_.c_str(), 0755);
  ASSERT_THAT(make_usable(files_, state_), Succeeded());
  EXPECT_EQ(files_.stat(state_).value()->mode, 0700U);
  EXPECT_TRUE(fs::is_empty(state_));
}

TEST_F(StartupGathering, SaysThatADirectoryCannotBeUsed) {
  write(directory_ / "deep", 0600);
  EXPECT_THAT(make_usable(files_, state_), FailedWith(Code::unavailable, "cannot be used"));
}

}  // namespace
}  // namespace holdfast
