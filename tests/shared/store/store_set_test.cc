#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "shared/base/mutex.h"
#include "shared/store/wait_budget.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/memory_store.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class StoreSetTest : public testing::Test {
 protected:
  std::shared_ptr<MemoryStore> one = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> two = std::make_shared<MemoryStore>();

  StoreSet::Told told() {
    return [told = told_](const CopyOutcome& outcome) {
      told->with([&](auto& all) { all[outcome.store].push_back(outcome.error); });
    };
  }
  std::size_t told_of(const std::string& store) {
    return told_->with([&](auto& all) { return all[store].size(); });
  }
  std::optional<Error> error_of(const std::string& store, std::size_t number) {
    return told_->with([&](auto& all) { return all[store].at(number); });
  }
  static std::shared_ptr<Store> slow(std::shared_ptr<Store> below, std::latch& gate) {
    return std::make_shared<Slow>(std::move(below), [&gate](const std::string&) { gate.wait(); });
  }

 private:
  using Told = Guarded<std::map<std::string, std::vector<std::optional<Error>>>>;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

TEST(WaitBudget, GivesALittleAtFirstAndAFifthOfWhatHasPassed) {
  WaitBudget budget;
  const Micros begin = std::chrono::hours(5);
  EXPECT_EQ(budget.left(begin), std::chrono::seconds(2));
  budget.waited(std::chrono::seconds(2), begin);
  EXPECT_EQ(budget.left(begin), Micros(0));
  EXPECT_EQ(budget.left(begin + std::chrono::seconds(50)), std::chrono::seconds(10));
  EXPECT_EQ(budget.left(begin + std::chrono::hours(50)), std::chrono::seconds(60)) << "days of ease are not saved up";
}

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
  ASSERT_TRUE(set.put("a", as_bytes("x"), told()));
  set.settle();
  EXPECT_FALSE(error_of("one", 0));
  ASSERT_TRUE(error_of("full", 0));
  EXPECT_EQ(error_of("full", 0)->code, Code::exhausted);
}

TEST_F(StoreSetTest, ReturnsWithTheMinimumWhileTheOthersGoOn) {
  std::latch gate(1);
  const StoreSet set({{"slow", slow(one, gate)}, {"two", two}}, 1);
  const auto outcomes = set.put("a", as_bytes("x"), told());
  ASSERT_TRUE(outcomes) << outcomes.error().text();
  EXPECT_TRUE(outcomes->at(0).error) << "it is not durable there yet";
  EXPECT_FALSE(outcomes->at(1).error);
  EXPECT_FALSE(one->get("a"));
  gate.count_down();
  set.settle();
  EXPECT_TRUE(one->get("a"));
  EXPECT_FALSE(error_of("slow", 0));
  EXPECT_EQ(told_of("slow"), 1U);
  EXPECT_EQ(told_of("two"), 1U);
}

TEST_F(StoreSetTest, DoesNotAskAStoreThatHasJustFailedForEveryObject) {
  std::atomic<int> asked = 0;
  const auto dead = std::make_shared<Slow>(std::make_shared<Unreachable>(one), [&](const std::string&) { ++asked; });
  const StoreSet set({{"dead", dead}, {"two", two}}, 1);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(set.put("a" + std::to_string(i), as_bytes("x"), told()));
  EXPECT_LE(asked, 10) << "each of the threads that found it so";
  set.settle();
  EXPECT_EQ(told_of("dead"), 200U);
  EXPECT_TRUE(error_of("dead", 199));
}

TEST_F(StoreSetTest, BringsWhatAStoreMissedWhenItIsBackInTime) {
  const auto leaving = std::make_shared<Unreachable>(one);
  const StoreSet set({{"leaving", leaving}, {"two", two}}, 1);
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(set.put("a" + std::to_string(i), as_bytes("x"), told()));
  leaving->set_away(Unreachable::Away::no);
  set.settle();
  EXPECT_EQ(one->list("a")->size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) EXPECT_FALSE(error_of("leaving", i));
}

TEST_F(StoreSetTest, AsksAStoreThatHasJustFailedAtOnceWhenTheMinimumNeedsIt) {
  const auto leaving = std::make_shared<Unreachable>(one);
  LaneLimits limits;
  limits.first_pause = limits.longest_pause = std::chrono::hours(1);
  const StoreSet set({{"leaving", leaving}, {"two", two}}, 2, limits);
  EXPECT_FALSE(set.put("a", as_bytes("x")));
  leaving->set_away(Unreachable::Away::no);
  EXPECT_TRUE(set.put("b", as_bytes("x")));
  EXPECT_TRUE(one->get("b"));
}

TEST_F(StoreSetTest, HoldsNoMoreThanItsLimitForAStoreThatHangs) {
  std::latch gate(1);
  LaneLimits limits;
  limits.bytes = 100;
  const StoreSet set({{"hangs", slow(one, gate)}, {"two", two}}, 1, limits);
  std::vector<std::weak_ptr<const Bytes>> contents;
  for (int i = 0; i < 50; ++i) {
    auto content = std::make_shared<const Bytes>(10);
    contents.push_back(content);
    ASSERT_TRUE(set.put("a" + std::to_string(i), std::move(content), told()));
  }
  EXPECT_EQ(std::ranges::count_if(contents, [](const auto& content) { return !content.expired(); }), 10);
  EXPECT_EQ(told_of("hangs"), 40U) << "of those it has no room for";
  EXPECT_EQ(two->list("a")->size(), 50U);
  gate.count_down();
  set.settle();
  EXPECT_EQ(one->list("a")->size(), 10U);
}

TEST_F(StoreSetTest, WaitsForAStoreThatIsALittleSlower) {
  const auto slower = std::make_shared<Slow>(
      one, [](const std::string&) { std::this_thread::sleep_for(std::chrono::milliseconds(6)); });
  const auto faster = std::make_shared<Slow>(
      two, [](const std::string&) { std::this_thread::sleep_for(std::chrono::milliseconds(5)); });
  LaneLimits limits;
  limits.bytes = 20;
  limits.threads = 1;
  const StoreSet set({{"slower", slower}, {"faster", faster}}, 1, limits);
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(set.put("a" + std::to_string(i), Bytes(10), told()));
  set.settle();
  EXPECT_EQ(one->list("a")->size(), 100U);
}

TEST_F(StoreSetTest, GoesAwayWhileAStoreHangs) {
  const auto gate = std::make_shared<std::latch>(1);
  const auto hangs = std::make_shared<Slow>(one, [gate](const std::string&) { gate->wait(); });
  {
    const StoreSet set({{"hangs", hangs}, {"two", two}}, 1);
    ASSERT_TRUE(set.put("a", as_bytes("x"), told()));
    ASSERT_TRUE(set.put("b", as_bytes("x"), told()));
  }
  EXPECT_EQ(told_of("hangs"), 2U);
  EXPECT_TRUE(error_of("hangs", 0));
  gate->count_down();
}

TEST_F(StoreSetTest, AnObjectThatIsRefusedIsNoReasonToSpareTheStore) {
  ASSERT_TRUE(one->put("a", as_bytes("other")));
  LaneLimits limits;
  limits.threads = 1;  // outcomes come in the order of the puts
  const StoreSet set({{"one", one}, {"two", two}}, 1, limits);
  ASSERT_TRUE(set.put("a", as_bytes("x"), told()));
  ASSERT_TRUE(set.put("b", as_bytes("x"), told()));
  set.settle();
  ASSERT_TRUE(error_of("one", 0));
  EXPECT_EQ(error_of("one", 0)->code, Code::already_exists);
  EXPECT_TRUE(one->get("b"));
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
