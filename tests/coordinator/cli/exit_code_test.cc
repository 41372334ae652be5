#include <gtest/gtest.h>

#include "coordinator/cli/session.h"

namespace holdfast {
namespace {

TEST(ExitCode, FollowsTheKindOfFailure) {
  struct Case {
    Code code;
    Contact contact;
    int exit;
  };
  for (const Case& one : {Case{Code::internal, Contact::made, 1}, Case{Code::invalid, Contact::made, 2},
                          Case{Code::not_found, Contact::made, 8}, Case{Code::already_exists, Contact::made, 6},
                          Case{Code::conflict, Contact::made, 6}, Case{Code::denied, Contact::made, 5},
                          Case{Code::unavailable, Contact::failed, 4}, Case{Code::corrupt, Contact::made, 1},
                          Case{Code::exhausted, Contact::made, 1}, Case{Code::timed_out, Contact::made, 124},
                          Case{Code::cancelled, Contact::made, 1}, Case{Code::unsupported, Contact::made, 1},
                          Case{Code::not_restorable, Contact::made, 7}}) {
    EXPECT_EQ(static_cast<int>(exit_code(Error{one.code, "x", ""}, one.contact)), one.exit) << to_string(one.code);
  }
}

TEST(ExitCode, IsUnreachableOnlyWhenTheCoordinatorNeverAnswered) {
  const Error error{Code::unavailable, "node \"db3\" is offline", ""};
  EXPECT_EQ(exit_code(error, Contact::made), ExitCode::failed);
  EXPECT_EQ(exit_code(error, Contact::not_tried), ExitCode::failed);
}

}  // namespace
}  // namespace holdfast
