#include "agent/protection/directory_claims.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>

#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::IsEmpty;

class Claims : public testing::Test {
 protected:
  Claims() { fs::create_directory(data_); }
  // What another agent is told when it wants the same.
  std::map<std::string, Error> second_asks() { return second_.hold({{"other key", data_}}); }

  TemporaryDirectory directory_;
  const std::string data_ = directory_ / "data";
  DirectoryClaims first_;
  DirectoryClaims second_;
};

TEST_F(Claims, AreTheFirstAgentsAndTheSecondIsToldWhose) {
  EXPECT_THAT(first_.hold({{"key", data_}}), IsEmpty());
  EXPECT_THAT(first_.hold({{"key", data_}}), IsEmpty()) << "refused to its owner";
  const auto refused = second_asks();
  ASSERT_TRUE(refused.contains("other key"));
  EXPECT_EQ(refused.at("other key").code, Code::conflict);
  EXPECT_THAT(refused.at("other key").message, HasSubstr(data_));
  EXPECT_TRUE(fs::is_empty(data_)) << "something was written";
}

TEST_F(Claims, AreFreeAgainWhenNotWantedAnyMore) {
  EXPECT_THAT(first_.hold({{"key", data_}}), IsEmpty());
  EXPECT_THAT(first_.hold({}), IsEmpty());
  EXPECT_THAT(second_asks(), IsEmpty());
}

TEST_F(Claims, GoOverWhenTheirHolderEnds) {
  {
    DirectoryClaims ended;
    EXPECT_THAT(ended.hold({{"key", data_}}), IsEmpty());
    EXPECT_FALSE(second_asks().empty());
  }
  EXPECT_THAT(second_asks(), IsEmpty());
}

TEST_F(Claims, SeeTheSameDirectoryBehindAnotherName) {
  EXPECT_THAT(first_.hold({{"key", data_}}), IsEmpty());
  fs::create_symlink(data_, directory_ / "link");
  EXPECT_FALSE(second_.hold({{"key", directory_ / "link"}}).empty());
}

TEST_F(Claims, AreOnTheDirectoryThatIsThereNow) {
  EXPECT_THAT(first_.hold({{"key", data_}}), IsEmpty());
  fs::rename(data_, directory_ / "before");  // as a restore in place does
  fs::create_directory(data_);
  EXPECT_THAT(first_.hold({{"key", data_}}), IsEmpty());
  EXPECT_FALSE(second_asks().empty());
  EXPECT_THAT(second_.hold({{"key", directory_ / "before"}}), IsEmpty());
}

TEST_F(Claims, DoNotHinderWhatCannotBeLocked) {
  EXPECT_THAT(first_.hold({{"key", directory_ / "missing"}}), IsEmpty());
}

}  // namespace
}  // namespace holdfast
