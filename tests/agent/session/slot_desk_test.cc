#include "agent/session/slot_desk.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/harness/seeded_entropy.h"

namespace holdfast {
namespace {

using testing::HasSubstr;
using Verdict = SlotDesk::Verdict;

class SlotQuestions : public testing::Test {
 protected:
  static SlotDesk::Patience patience() {
    SlotDesk::Patience patience;
    patience.answer = std::chrono::seconds(15);
    patience.again = std::chrono::seconds(5);
    patience.spread = std::chrono::minutes(5);
    return patience;
  }
  Verdict verdict() { return desk_.may_begin(orders_, due_, now_).verdict; }
  std::string reason() { return desk_.may_begin(orders_, due_, now_).reason; }
  void pass(Micros time) { now_ += time; }
  // What is said while somebody is connected.
  std::vector<SlotRequest> speak() {
    std::vector<SlotRequest> said;
    desk_.send_waiting(
        [&](const SlotRequest& request) {
          said.push_back(request);
          return std::optional(++messages_);
        },
        now_);
    return said;
  }
  static SlotReply reply(DatabaseId database, Micros wait, const std::string& why = {}) {
    SlotReply out;
    out.database = database;
    out.granted = why.empty();
    out.wait = wait;
    out.reason = why;
    return out;
  }
  void grant() { desk_.answered(messages_, reply(orders_, std::chrono::seconds(60)), now_); }
  void refuse(Micros wait) { desk_.answered(messages_, reply(orders_, wait, "a backup runs"), now_); }

  SeededEntropy entropy_{3};
  DatabaseId orders_ = entropy_.id<DatabaseId>();
  Timestamp due_ = Timestamp::from_micros(1'800'000'000'000'000);
  Micros now_ = std::chrono::hours(100);
  std::uint64_t messages_ = 0;
  SlotDesk desk_{patience()};
};

TEST_F(SlotQuestions, AsksAndLetsItBeginWhenItIsGranted) {
  EXPECT_EQ(verdict(), Verdict::wait);
  const auto said = speak();
  ASSERT_EQ(said.size(), 1U);
  EXPECT_EQ(said[0].database, orders_);
  EXPECT_EQ(said[0].due_at, due_);
  EXPECT_TRUE(speak().empty()) << "once";
  EXPECT_EQ(verdict(), Verdict::wait);
  grant();
  EXPECT_EQ(verdict(), Verdict::granted);
}

TEST_F(SlotQuestions, AGrantIsWorthNothingAfterItsDeadlineWhichCountsFromTheQuestion) {
  (void)verdict();
  speak();
  pass(std::chrono::seconds(4));
  grant();
  pass(std::chrono::seconds(55));
  EXPECT_EQ(verdict(), Verdict::granted);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(verdict(), Verdict::wait);
  EXPECT_EQ(speak().size(), 1U) << "it asks again";
}

TEST_F(SlotQuestions, AsksAgainWhenItWasToldToAndNotBefore) {
  (void)verdict();
  speak();
  refuse(std::chrono::seconds(40));
  EXPECT_EQ(reason(), "a backup runs");
  pass(std::chrono::seconds(39));
  (void)verdict();
  EXPECT_TRUE(speak().empty());
  pass(std::chrono::seconds(1));
  (void)verdict();
  EXPECT_EQ(speak().size(), 1U);
}

TEST_F(SlotQuestions, GoesOnAloneWhenNobodyAnswersInTime) {
  (void)verdict();
  speak();
  pass(std::chrono::seconds(14));
  EXPECT_EQ(verdict(), Verdict::wait);
  pass(std::chrono::seconds(1));
  EXPECT_EQ(verdict(), Verdict::alone);
  EXPECT_THAT(reason(), HasSubstr("did not answer"));
}

TEST_F(SlotQuestions, GoesOnAloneWhenNobodyIsConnected) {
  (void)verdict();
  desk_.send_waiting([](const SlotRequest&) { return std::nullopt; }, now_);
  pass(std::chrono::seconds(15));
  EXPECT_EQ(verdict(), Verdict::alone);
}

TEST_F(SlotQuestions, WhoIsTalkedToGoesOnWaitingHoweverLong) {
  (void)verdict();
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(speak().size(), 1U);
    refuse(std::chrono::minutes(2));
    pass(std::chrono::minutes(2));
    ASSERT_EQ(verdict(), Verdict::wait);
  }
}

TEST_F(SlotQuestions, WhoWasToldToWaitIsMorePatientEachForATimeOfItsOwn) {
  std::map<DatabaseId, Micros> alone_after;
  std::vector<DatabaseId> all;
  for (int i = 0; i < 40; ++i) all.push_back(entropy_.id<DatabaseId>());
  for (const DatabaseId id : all) (void)desk_.may_begin(id, due_, now_);
  std::map<DatabaseId, std::uint64_t> asked;
  desk_.send_waiting(
      [&](const SlotRequest& request) {
        asked[request.database] = ++messages_;
        return std::optional(messages_);
      },
      now_);
  for (const DatabaseId id : all) {
    desk_.answered(asked.at(id), reply(id, std::chrono::seconds(5), "a backup runs"), now_);
  }
  for (Micros waited{0}; waited < std::chrono::minutes(7); waited += std::chrono::seconds(1)) {
    for (const DatabaseId id : all) {
      const bool alone = desk_.may_begin(id, due_, now_ + waited).verdict == Verdict::alone;
      if (alone) alone_after.try_emplace(id, waited);
    }
  }
  ASSERT_EQ(alone_after.size(), all.size()) << "in the end everybody goes on";
  std::map<std::int64_t, int> per_minute;
  for (const auto& [id, after] : alone_after) {
    EXPECT_GE(after, Micros(std::chrono::seconds(20))) << "the five it was told, and the patience for an answer";
    ++per_minute[std::chrono::duration_cast<std::chrono::minutes>(after).count()];
  }
  for (const auto& [minute, count] : per_minute) EXPECT_LT(count, 20) << minute;
}

TEST_F(SlotQuestions, AQuestionThatWasLostIsAskedAgain) {
  (void)verdict();
  speak();
  pass(std::chrono::seconds(5));
  EXPECT_EQ(speak().size(), 1U);
  grant();
  EXPECT_EQ(verdict(), Verdict::granted);
}

TEST_F(SlotQuestions, AnAnswerToAnOlderQuestionIsPassedOver) {
  (void)verdict();
  speak();
  const std::uint64_t first = messages_;
  pass(std::chrono::seconds(5));
  speak();
  desk_.answered(first, reply(orders_, std::chrono::seconds(60)), now_);
  EXPECT_EQ(verdict(), Verdict::wait);
  refuse(std::chrono::seconds(30));
  desk_.answered(messages_, reply(orders_, std::chrono::seconds(60)), now_);  // the same message twice
  EXPECT_EQ(verdict(), Verdict::wait);
}

TEST_F(SlotQuestions, AnswersOfNobodysQuestionAreHarmless) {
  desk_.answered(7, reply(orders_, std::chrono::seconds(60)), now_);
  EXPECT_EQ(verdict(), Verdict::wait);
}

TEST_F(SlotQuestions, AWrongNumberKeepsNobodyWaitingForADay) {
  (void)verdict();
  speak();
  refuse(std::chrono::hours(24));
  pass(std::chrono::minutes(10));
  (void)verdict();
  EXPECT_EQ(speak().size(), 1U);
  refuse(Micros(-5));
  EXPECT_TRUE(speak().empty()) << "nor asking all the time";
}

TEST_F(SlotQuestions, WhatBeganOrIsNotWantedIsForgotten) {
  (void)verdict();
  speak();
  grant();
  desk_.forget(orders_);
  EXPECT_EQ(verdict(), Verdict::wait) << "a new run asks anew";
  desk_.keep_only([](DatabaseId) { return false; });
  EXPECT_TRUE(speak().empty());
}

}  // namespace
}  // namespace holdfast
