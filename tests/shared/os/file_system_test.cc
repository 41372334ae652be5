#include <gtest/gtest.h>
#include <sys/stat.h>

#include "shared/os/posix_file_system.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

class PosixFiles : public testing::Test {
 protected:
  TemporaryDirectory directory_;
  PosixFileSystem files_;
};

TEST_F(PosixFiles, CreateWritesContentAndModeWhateverTheUmask) {
  ::umask(0077);
  ASSERT_THAT(files_.create_durably(directory_ / "a", as_bytes("hello"), 0644), Succeeded());
  EXPECT_EQ(as_text(files_.read(directory_ / "a").value()), "hello");
  EXPECT_EQ(files_.stat(directory_ / "a").value()->mode, 0644U);
}

TEST_F(PosixFiles, CreateNeverReplaces) {
  ASSERT_THAT(files_.create_durably(directory_ / "a", as_bytes("one"), 0600), Succeeded());
  EXPECT_THAT(files_.create_durably(directory_ / "a", as_bytes("two"), 0600), FailedWith(Code::already_exists));
  EXPECT_EQ(as_text(files_.read(directory_ / "a").value()), "one");
}

TEST_F(PosixFiles, ReplaceReplacesAndLeavesNothingBeside) {
  ASSERT_THAT(files_.replace_durably(directory_ / "a", as_bytes("one"), 0600), Succeeded());
  ASSERT_THAT(files_.replace_durably(directory_ / "a", as_bytes("two"), 0600), Succeeded());
  EXPECT_EQ(as_text(files_.read(directory_ / "a").value()), "two");
  EXPECT_EQ(files_.list(directory_.path()).value().size(), 1U);
}

TEST_F(PosixFiles, RangesEndWhereTheFileEnds) {
  ASSERT_THAT(files_.create_durably(directory_ / "a", as_bytes("0123456789"), 0600), Succeeded());
  EXPECT_EQ(as_text(files_.read_range(directory_ / "a", 3, 4).value()), "3456");
  EXPECT_EQ(as_text(files_.read_range(directory_ / "a", 8, 10).value()), "89");
}

TEST_F(PosixFiles, MissingIsAnAnswerOfStatAndAnErrorOfRead) {
  EXPECT_FALSE(files_.stat(directory_ / "nothing").value().has_value());
  EXPECT_THAT(files_.read(directory_ / "nothing"), FailedWith(Code::not_found, "nothing"));
}

TEST_F(PosixFiles, DirectoriesAreMadeWithParentsAndTwiceIsFine) {
  ASSERT_THAT(files_.make_directories(directory_ / "a/b/c", 0700), Succeeded());
  ASSERT_THAT(files_.make_directories(directory_ / "a/b/c", 0700), Succeeded());
  ASSERT_THAT(files_.create_durably(directory_ / "file", as_bytes(""), 0600), Succeeded());
  EXPECT_FALSE(files_.make_directories(directory_ / "file", 0700).has_value());
}

TEST_F(PosixFiles, RemovingWhatIsNotThereIsFine) {
  EXPECT_THAT(files_.remove(directory_ / "nothing"), Succeeded());
}

TEST_F(PosixFiles, LargeFilesAreReadWhole) {
  const Bytes content(300'000, 7);
  ASSERT_THAT(files_.create_durably(directory_ / "a", content, 0600), Succeeded());
  EXPECT_EQ(files_.read(directory_ / "a").value(), content);
}

TEST(ParentOf, IsTheDirectory) {
  EXPECT_EQ(parent_of("a/b/c"), "a/b");
  EXPECT_EQ(parent_of("c"), ".");
  EXPECT_EQ(parent_of("/c"), "/");
}

}  // namespace
}  // namespace holdfast
