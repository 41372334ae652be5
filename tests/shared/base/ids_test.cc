#include "shared/base/ids.h"

#include <gtest/gtest.h>

#include <type_traits>

#include "tests/harness/result_matchers.h"
#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

static_assert(!std::is_convertible_v<NodeId, DatabaseId>);
static_assert(!std::is_constructible_v<NodeId, DatabaseId>);

TEST(Ids, AreThirtyTwoHexDigitsAsText) {
  SeededEntropy entropy(1);
  const auto id = entropy.id<NodeId>();
  EXPECT_EQ(id.text().size(), 32U);
  EXPECT_EQ(NodeId::parse(id.text()).value(), id);
  EXPECT_EQ(fmt::format("{}", id), id.text());
}

TEST(Ids, RefuseOtherLengths) {
  EXPECT_THAT(NodeId::parse("00"), FailedWith(Code::invalid));
  EXPECT_THAT(NodeId::parse(std::string(34, '0')), FailedWith(Code::invalid));
}

TEST(Ids, StartAsNull) {
  EXPECT_TRUE(NodeId().is_null());
  SeededEntropy entropy(2);
  EXPECT_FALSE(entropy.id<NodeId>().is_null());
}

}  // namespace
}  // namespace holdfast
