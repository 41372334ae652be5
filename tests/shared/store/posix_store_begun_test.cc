// Objects that come in pieces.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "shared/os/posix_file_system.h"
#include "shared/store/posix_store.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

class PosixStoreInPieces : public testing::Test {
 protected:
  Result<> put(const std::string& name, const std::vector<std::string>& pieces) {
    WrittenFile file = TRY(store_.begin());
    for (const auto& piece : pieces) TRY(file.write(as_bytes(piece)));
    return store_.finish(name, std::move(file));
  }
  std::size_t begun() const {
    const auto files = std::filesystem::directory_iterator(directory_ / ".holdfast-incoming");
    return static_cast<std::size_t>(std::distance(begin(files), end(files)));
  }

  TemporaryDirectory directory_;
  PosixFileSystem files_;
  PosixStore store_{files_, directory_.path()};
};

TEST_F(PosixStoreInPieces, AreOneObject) {
  ASSERT_THAT(put("a/b/c", {"one ", "", "two"}), Succeeded());
  EXPECT_EQ(as_text(store_.get("a/b/c").value()), "one two");
  EXPECT_EQ(begun(), 0U);
}

TEST_F(PosixStoreInPieces, AreNotSeenBeforeTheEnd) {
  auto file = store_.begin();
  ASSERT_THAT(file, Succeeded());
  ASSERT_THAT(file->write(as_bytes("half")), Succeeded());
  EXPECT_TRUE(store_.list("").value().empty());
  EXPECT_TRUE(store_.list_parts("").value().empty());
}

TEST_F(PosixStoreInPieces, LeaveNothingWhenTheyAreGivenUp) {
  {
    auto file = store_.begin();
    ASSERT_THAT(file->write(as_bytes("half")), Succeeded());
    EXPECT_EQ(begun(), 1U);
  }
  EXPECT_EQ(begun(), 0U);
}

TEST_F(PosixStoreInPieces, NeverReplaceContent) {
  ASSERT_THAT(put("a", {"content"}), Succeeded());
  EXPECT_THAT(put("a", {"con", "tent"}), Succeeded());
  EXPECT_THAT(put("a", {"contenT"}), FailedWith(Code::already_exists, "\"a\""));
  EXPECT_THAT(put("a", {"content", "more"}), FailedWith(Code::already_exists));
  EXPECT_THAT(put("a", {}), FailedWith(Code::already_exists));
  EXPECT_EQ(as_text(store_.get("a").value()), "content");
  EXPECT_EQ(begun(), 0U);
}

TEST_F(PosixStoreInPieces, OfAnObjectWithABadNameAreRefused) {
  EXPECT_THAT(put("../a", {"content"}), FailedWith(Code::invalid));
}

TEST_F(PosixStoreInPieces, LeftByACrashAreRemovedOnRequest) {
  ASSERT_THAT(store_.remove_begun(), Succeeded());  // nothing was ever begun
  { auto file = store_.begin(); }
  ASSERT_THAT(files_.create_durably(directory_ / ".holdfast-incoming/9-9", as_bytes("half"), 0640), Succeeded());
  ASSERT_THAT(store_.remove_begun(), Succeeded());
  EXPECT_EQ(begun(), 0U);
}

}  // namespace
}  // namespace holdfast
