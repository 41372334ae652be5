#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <latch>

#include "tests/harness/damaged_stores.h"
#include "tests/harness/memory_store.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class StoreSetTest : public testing::Test {
 protected:
  std::shared_ptr<MemoryStore> one = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> two = std::make_shared<MemoryStore>();
};

TEST_F(StoreSetTest, PutsEverywhere) {
  const StoreSet set({{"one", one}, {"two", two}}, 2);
  const auto outcomes = set.put("a", as_bytes("x"));
  ASSERT_TRUE(outcomes);
  EXPECT_EQ(outcomes->size(), 2U);
  EXPECT_TRUE(one->get("a"));
  EXPECT_TRUE(two->get("a"));
}

TEST_F(StoreSetTest, IsContentWithEnoughCopiesAndSaysWhereOneIsMissing) {
  const StoreSet set({{"one", one}, {"full", std::make_shared<RefusesPuts>(two)}}, 1);
  const auto outcomes = set.put("a", as_bytes("x"));
  ASSERT_TRUE(outcomes);
  EXPECT_FALSE(outcomes->at(0).error);
  ASSERT_TRUE(outcomes->at(1).error);
  EXPECT_EQ(outcomes->at(1).store, "full");
  EXPECT_EQ(outcomes->at(1).error->code, Code::exhausted);
}

TEST_F(StoreSetTest, FailsWithTooFewCopiesNamingStoreAndObject) {
  const StoreSet set({{"one", one}, {"full", std::make_shared<RefusesPuts>(two)}}, 2);
  const auto outcomes = set.put("a", as_bytes("x"));
  ASSERT_FALSE(outcomes);
  EXPECT_EQ(outcomes.error().code, Code::exhausted);
  EXPECT_THAT(outcomes.error().message, HasSubstr("\"full\""));
  EXPECT_THAT(outcomes.error().message, HasSubstr("\"a\""));
  EXPECT_FALSE(StoreSet({{"one", one}}, 2).put("a", as_bytes("x")));
  EXPECT_FALSE(StoreSet({}, 0).put("a", as_bytes("x")));
}

TEST_F(StoreSetTest, PutsIntoAllStoresAtOnce) {
  // Each waits until the other has begun; one after the other would never end.
  std::latch both(2);
  const auto meet = [&](const std::string&) { both.arrive_and_wait(); };
  const StoreSet set({{"one", std::make_shared<Slow>(one, meet)}, {"two", std::make_shared<Slow>(two, meet)}}, 2);
  EXPECT_TRUE(set.put("a", as_bytes("x")));
}

TEST_F(StoreSetTest, ReadsFromTheNextStoreWhenOneCannot) {
  ASSERT_TRUE(two->put("a", as_bytes("x")));
  const StoreSet lacking({{"one", one}, {"two", two}}, 1);
  EXPECT_TRUE(lacking.get("a"));
  EXPECT_TRUE(lacking.get_range("a", 0, 1));
  const StoreSet away({{"one", std::make_shared<Unreachable>(one)}, {"two", two}}, 1);
  EXPECT_TRUE(away.get("a"));
}

TEST_F(StoreSetTest, SaysNotFoundOnlyWhenEveryStoreSaidSo) {
  EXPECT_EQ(StoreSet({{"one", one}, {"two", two}}, 1).get("a").error().code, Code::not_found);
  const StoreSet away({{"one", one}, {"two", std::make_shared<Unreachable>(two)}}, 1);
  EXPECT_EQ(away.get("a").error().code, Code::unavailable);
  EXPECT_EQ(away.get_range("a", 0, 1).error().code, Code::unavailable);
}

}  // namespace
}  // namespace holdfast
