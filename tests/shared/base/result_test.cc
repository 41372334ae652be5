#include "shared/base/result.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "shared/base/strong.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

Result<int> half(int number) {
  if (number % 2 != 0) return fail(Code::invalid, "odd", "use an even one");
  return number / 2;
}
Result<int> quarter(int number) {
  return TRY_DURING("second half", half(TRY(half(number))));
}

TEST(Try, HandsOnTheValueOrTheFirstError) {
  EXPECT_EQ(quarter(8).value(), 2);
  EXPECT_EQ(quarter(7).error().message, "odd");
}

TEST(TryDuring, SaysWhatWasBeingDone) {
  EXPECT_EQ(quarter(6).error().message, "second half: odd");
  EXPECT_EQ(quarter(6).error().hint, "use an even one");
}

TEST(ErrorText, HasTheHint) {
  EXPECT_EQ(half(1).error().text(), "odd (hint: use an even one)");
}

TEST(ErrorFromErrno, SortsWhatACallerMustTellApart) {
  EXPECT_EQ(error_from_errno(ENOSPC, "write").code, Code::exhausted);
  EXPECT_EQ(error_from_errno(EROFS, "write").code, Code::denied);
  EXPECT_EQ(error_from_errno(ENOENT, "open").code, Code::not_found);
  EXPECT_EQ(error_from_errno(EEXIST, "link").code, Code::already_exists);
  EXPECT_EQ(error_from_errno(EIO, "read").code, Code::unavailable);
}

// Numbers that are stored and sent.
TEST(Codes, KeepTheirNumbers) {
  EXPECT_EQ(static_cast<int>(Code::not_found), 2);
  EXPECT_EQ(static_cast<int>(Code::denied), 5);
  EXPECT_EQ(static_cast<int>(Code::not_restorable), 12);
}

TEST(StrongNumbers, AreOrderedAndFormatted) {
  EXPECT_LT(ByteCount(1), ByteCount(2));
  EXPECT_EQ(fmt::format("{}", ByteCount(1) + ByteCount(2)), "3");
}

}  // namespace
}  // namespace holdfast
