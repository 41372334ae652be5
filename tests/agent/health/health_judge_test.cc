#include "agent/health/health_judge.h"

#include <gtest/gtest.h>

#include "tests/harness/manual_clock.h"

namespace holdfast {
namespace {

class HealthOfSomething : public testing::Test {
 protected:
  void fails(int times) {
    for (int i = 0; i < times; ++i) judge_.answered("it is slow");
  }

  ManualClock clock_;
  HealthJudge judge_{{.interval = std::chrono::seconds(10), .timeout = std::chrono::seconds(5), .retries = 3}, clock_};
};

TEST_F(HealthOfSomething, IsUnknownAndDueBeforeAnybodyAsked) {
  EXPECT_EQ(judge_.health(), Health::unknown);
  EXPECT_TRUE(judge_.is_due());
}

TEST_F(HealthOfSomething, IsHealthyAfterOneGoodAnswer) {
  judge_.answered(std::nullopt);
  EXPECT_EQ(judge_.health(), Health::healthy);
  EXPECT_EQ(judge_.cause(), "");
}

TEST_F(HealthOfSomething, StaysHealthyUntilTheLastRetryHasFailed) {
  judge_.answered(std::nullopt);
  fails(2);
  EXPECT_EQ(judge_.health(), Health::healthy);
  EXPECT_EQ(judge_.failures(), 2U);
  EXPECT_EQ(judge_.cause(), "it is slow");
  fails(1);
  EXPECT_EQ(judge_.health(), Health::unhealthy);
}

TEST_F(HealthOfSomething, IsUnhealthyFromTheStartAfterAsManyFailures) {
  fails(2);
  EXPECT_EQ(judge_.health(), Health::unknown);
  fails(1);
  EXPECT_EQ(judge_.health(), Health::unhealthy);
}

TEST_F(HealthOfSomething, IsHealthyAgainAfterOneGoodAnswer) {
  fails(5);
  judge_.answered(std::nullopt);
  EXPECT_EQ(judge_.health(), Health::healthy);
  EXPECT_EQ(judge_.failures(), 0U);
  fails(2);
  EXPECT_EQ(judge_.health(), Health::healthy) << "failures from before counted";
}

TEST_F(HealthOfSomething, IsAskedAgainWhenItsIntervalHasPassedSinceTheAnswer) {
  judge_.asked();
  EXPECT_FALSE(judge_.is_due());
  judge_.answered(std::nullopt);
  clock_.advance(std::chrono::milliseconds(9999));
  EXPECT_FALSE(judge_.is_due());
  clock_.advance(std::chrono::milliseconds(1));
  EXPECT_TRUE(judge_.is_due());
}

TEST_F(HealthOfSomething, HasFailedWhenItDoesNotAnswerInTime) {
  judge_.asked();
  clock_.advance(std::chrono::milliseconds(4999));
  judge_.look_at_clock();
  EXPECT_EQ(judge_.failures(), 0U);
  clock_.advance(std::chrono::milliseconds(1));
  judge_.look_at_clock();
  judge_.look_at_clock();
  EXPECT_EQ(judge_.failures(), 1U);
  EXPECT_EQ(judge_.cause(), "no answer within 5s");
  EXPECT_FALSE(judge_.is_due()) << "asked again before the interval";
}

TEST_F(HealthOfSomething, CountsOneQuestionOnceHoweverLateItsFailureComes) {
  judge_.asked();
  clock_.advance(std::chrono::seconds(6));
  judge_.answered("it is slow");
  EXPECT_EQ(judge_.failures(), 1U);
  EXPECT_EQ(judge_.cause(), "no answer within 5s");
}

TEST_F(HealthOfSomething, IsHealthyByAGoodAnswerThatComesLate) {
  fails(3);
  judge_.asked();
  clock_.advance(std::chrono::seconds(6));
  judge_.look_at_clock();
  judge_.answered(std::nullopt);
  EXPECT_EQ(judge_.health(), Health::healthy);
}

}  // namespace
}  // namespace holdfast
