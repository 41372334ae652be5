// Several stores, one of which is slow, away or does not say what it did.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include "shared/base/mutex.h"
#include "tests/harness/damaged_stores.h"
#include "tests/harness/memory_store.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

constexpr std::uint64_t a_second = 1'000'000;  // what a store of 1 MB/s takes in one
constexpr std::size_t object_size = 100'000;
constexpr std::size_t objects = 50;

class StoreSetInTrouble : public testing::Test {
 protected:
  static std::string name_of(std::size_t number) { return "a" + std::to_string(number); }
  Result<> put_all(const StoreSet& set) {
    for (std::size_t i = 0; i < objects; ++i) {
      TRY(set.put(name_of(i), Bytes(object_size, static_cast<std::uint8_t>(i)), told()));
    }
    return {};
  }
  StoreSet::Told told() {
    return [told = told_](const CopyOutcome& outcome) {
      told->with([&](auto& all) { all[outcome.store].push_back(!outcome.error); });
    };
  }
  // How often it was told of a store, and how often that the object is there.
  std::pair<std::size_t, std::size_t> told_of(const std::string& store) const {
    return told_->with([&](auto& all) {
      return std::pair(all[store].size(), static_cast<std::size_t>(std::ranges::count(all[store], true)));
    });
  }
  static bool eventually(const std::function<bool()>& condition) {
    for (int i = 0; i < 3000 && !condition(); ++i) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return condition();
  }
  static bool always(const std::string&) { return true; }

  std::shared_ptr<MemoryStore> good = std::make_shared<MemoryStore>();
  std::shared_ptr<MemoryStore> bad = std::make_shared<MemoryStore>();

 private:
  using Told = Guarded<std::map<std::string, std::vector<bool>>>;
  std::shared_ptr<Told> told_ = std::make_shared<Told>();
};

TEST_F(StoreSetInTrouble, OneThatIsSlowSlowsNobodyAndCatchesUp) {
  const auto slow = std::make_shared<Rationed>(bad);
  const StoreSet set({{"slow", slow}, {"good", good}}, 1);
  ASSERT_THAT(put_all(set), Succeeded());
  EXPECT_EQ(good->list("")->size(), objects);
  EXPECT_EQ(bad->list("")->size(), 0U) << "not a second has passed for it";
  EXPECT_EQ(set.missed().at(0).objects, 0U) << "they are on their way";
  for (int second = 0; second < 5; ++second) slow->let(a_second);
  set.settle();
  EXPECT_EQ(bad->list("")->size(), objects);
  EXPECT_EQ(told_of("slow"), std::pair(objects, objects));
  EXPECT_EQ(set.missed().at(0).objects, 0U);
}

TEST_F(StoreSetInTrouble, OneThatIsSlowIsWaitedForWhenTheMinimumNeedsIt) {
  const auto slow = std::make_shared<Rationed>(bad);
  const StoreSet set({{"slow", slow}, {"good", good}}, 2);
  slow->let(objects * object_size);
  ASSERT_THAT(put_all(set), Succeeded());
  EXPECT_EQ(bad->list("")->size(), objects) << "an acknowledgement says that both have it";
}

TEST_F(StoreSetInTrouble, WhatAStoreThatIsAwayForLongLacksIsCountedToTheObject) {
  const auto away = std::make_shared<Unreachable>(bad);
  LaneLimits limits;
  limits.bytes = 20 * object_size;  // the hour is longer than what fits
  const StoreSet set({{"away", away}, {"good", good}}, 1, limits);
  ASSERT_THAT(put_all(set), Succeeded());
  EXPECT_EQ(good->list("")->size(), objects);
  away->set_away(Unreachable::Away::no);
  set.settle();
  EXPECT_EQ(bad->list("")->size(), 20U);
  EXPECT_EQ(told_of("away"), std::pair(objects, std::size_t{20}));
  EXPECT_EQ(set.missed().at(0).objects, objects - 20) << "a copy job knows what it is for";
  EXPECT_EQ(set.missed().at(1).objects, 0U);
}

TEST_F(StoreSetInTrouble, WhatWasStoredAlthoughTheAnswerCameTooLateIsNotMissed) {
  const auto late = std::make_shared<AnswersTooLate>(bad, [](const auto& name) { return name == name_of(7); });
  const StoreSet set({{"late", late}, {"good", good}}, 1);
  ASSERT_THAT(put_all(set), Succeeded());
  ASSERT_TRUE(eventually([this] { return told_of("late").first == objects; })) << "it is asked again by itself";
  EXPECT_EQ(bad->list("")->size(), objects);
  EXPECT_EQ(told_of("late").second, objects);
  EXPECT_EQ(set.missed().at(0).objects, 0U);
}

TEST_F(StoreSetInTrouble, OneWhoseEveryAnswerComesTooLateIsBelievedNothingThatItDidNotSay) {
  const StoreSet set({{"late", std::make_shared<AnswersTooLate>(bad, always)}, {"good", good}}, 1);
  ASSERT_THAT(put_all(set), Succeeded());
  set.settle();
  EXPECT_EQ(good->list("")->size(), objects);
  const auto [told, there] = told_of("late");
  EXPECT_EQ(told, objects);
  EXPECT_LE(there, bad->list("")->size());
  EXPECT_EQ(set.missed().at(0).objects, objects - there);
}

TEST_F(StoreSetInTrouble, AnAnswerThatCameTooLateIsNoAcknowledgementAndTheSameObjectCanBePutAgain) {
  for (const std::size_t stores : {1U, 2U}) {
    std::vector<NamedStore> all{{"late", std::make_shared<AnswersTooLate>(std::make_shared<MemoryStore>(), always)}};
    if (stores == 2) all.push_back({"good", good});
    const StoreSet set(std::move(all), stores);
    const auto first = set.put("a", as_bytes("x"));
    // With others beside it, it may have been asked again in time.
    if (stores == 1 || !first) {
      EXPECT_THAT(first, FailedWith(Code::timed_out, "\"late\""));
    }
    EXPECT_THAT(set.put("a", as_bytes("x")), Succeeded());
    EXPECT_THAT(set.put("a", as_bytes("y")), FailedWith(Code::already_exists));
  }
}

TEST_F(StoreSetInTrouble, OneThatIsFullIsToldApartFromOneThatHasIt) {
  const StoreSet set({{"full", std::make_shared<RefusesPuts>(bad, 10)}, {"good", good}}, 1);
  ASSERT_THAT(put_all(set), Succeeded());
  set.settle();
  EXPECT_EQ(told_of("full").first, objects);
  EXPECT_EQ(told_of("full").second, bad->list("")->size());
  EXPECT_EQ(set.missed().at(0).objects, objects - bad->list("")->size());
}

TEST_F(StoreSetInTrouble, WhatOneForgotIsReadFromTheOther) {
  for (const auto& liar : std::vector<std::shared_ptr<Store>>{
           std::make_shared<Forgets>(std::make_shared<MemoryStore>(), always),
           std::make_shared<Forgets>(std::make_shared<MemoryStore>(), [](const auto& name) { return name == "a7"; })}) {
    const StoreSet set({{"liar", liar}, {"good", good}}, 2);
    ASSERT_THAT(put_all(set), Succeeded());
    for (std::size_t i = 0; i < objects; ++i) {
      EXPECT_EQ(set.get(name_of(i)).value(), Bytes(object_size, static_cast<std::uint8_t>(i)));
      EXPECT_EQ(set.get_range(name_of(i), 5, 1).value(), Bytes(1, static_cast<std::uint8_t>(i)));
    }
  }
}

}  // namespace
}  // namespace holdfast
