#include "shared/store/read_balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/damaged_stores.h"
#include "tests/harness/memory_store.h"

namespace holdfast {
namespace {

using testing::ElementsAre;

class ReadBalanceTest : public testing::Test {
 protected:
  void read(std::size_t store, Micros took) {
    balance_.began(store);
    balance_.ended(store, 1000, took);
  }
  std::size_t first() const { return balance_.order(now_).front(); }

  ReadBalance balance_{{"near", "far", "third"}};
  Micros now_ = std::chrono::hours(1);
};

TEST_F(ReadBalanceTest, BeginsInThePolicysOrder) {
  EXPECT_THAT(balance_.order(now_), ElementsAre(0, 1, 2));
}

TEST_F(ReadBalanceTest, SpreadsReadsThatAreUnderWayAtOnce) {
  balance_.began(0);
  EXPECT_EQ(first(), 1U);
  balance_.began(1);
  EXPECT_EQ(first(), 2U);
}

TEST_F(ReadBalanceTest, PrefersTheFasterUntilItsQueueIsLonger) {
  read(0, std::chrono::milliseconds(10));
  read(1, std::chrono::milliseconds(35));
  read(2, std::chrono::seconds(10));
  EXPECT_EQ(first(), 0U);
  for (int i = 0; i < 3; ++i) balance_.began(0);
  EXPECT_EQ(first(), 1U) << "the fourth would be done after 40 ms";
}

TEST_F(ReadBalanceTest, SeesThatAStoreHasBecomeSlow) {
  read(0, std::chrono::milliseconds(10));
  read(1, std::chrono::milliseconds(20));
  read(2, std::chrono::milliseconds(30));
  ASSERT_EQ(first(), 0U);
  read(0, std::chrono::seconds(1));
  EXPECT_EQ(first(), 1U);
}

TEST_F(ReadBalanceTest, OneThatFailedComesLastForAWhileThatGrows) {
  read(1, std::chrono::milliseconds(20));
  read(2, std::chrono::milliseconds(30));
  balance_.began(0);
  balance_.failed(0, now_);
  EXPECT_THAT(balance_.order(now_), ElementsAre(1, 2, 0));
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(first(), 0U);
  balance_.began(0);
  balance_.failed(0, now_);
  now_ += std::chrono::seconds(1);
  EXPECT_NE(first(), 0U);
  now_ += std::chrono::seconds(1);
  EXPECT_EQ(first(), 0U);
}

TEST_F(ReadBalanceTest, TellsWhoServed) {
  read(1, std::chrono::milliseconds(20));
  balance_.began(0);
  balance_.failed(0, now_);
  const auto shares = balance_.shares();
  EXPECT_EQ(shares[0].failures, 1U);
  EXPECT_EQ(shares[1].store, "far");
  EXPECT_EQ(shares[1].reads, 1U);
  EXPECT_EQ(shares[1].bytes, 1000U);
}

TEST_F(ReadBalanceTest, AStoreThatIsAwayIsNotAskedForEveryObject) {
  const auto sound = std::make_shared<MemoryStore>();
  std::atomic<int> asked = 0;
  const auto away = std::make_shared<Slow>(std::make_shared<Unreachable>(sound), [&](const std::string&) { ++asked; });
  const StoreSet set({{"away", away}, {"sound", sound}}, 1);
  for (int i = 0; i < 100; ++i) {
    const std::string name = "a" + std::to_string(i);
    ASSERT_TRUE(sound->put(name, as_bytes("x")));
    ASSERT_TRUE(set.get(name));
  }
  EXPECT_LE(asked, 3);
  EXPECT_EQ(set.read_shares()[1].reads, 100U);
}

}  // namespace
}  // namespace holdfast
