#include "agent/jobs/progress_pace.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class ProgressTold : public ::testing::Test {
 protected:
  std::optional<ProgressNews> tell(Micros at, std::uint64_t done, const std::string& step = "copying") {
    last_ = {done, 10'000, step, 0};
    return pace_.next(at, last_);
  }
  ProgressPace pace_{{}, seconds(100)};
  Progress last_;
};

TEST_F(ProgressTold, TellsOnceASecondAndOfANewStepAtOnce) {
  EXPECT_TRUE(tell(seconds(100), 0));
  EXPECT_FALSE(tell(seconds(100) + milliseconds(999), 10));
  EXPECT_TRUE(tell(seconds(101), 20));
  EXPECT_TRUE(tell(seconds(101) + milliseconds(1), 0, "waiting for its WAL to be durable"));
  EXPECT_FALSE(tell(seconds(101) + milliseconds(2), 0, "waiting for its WAL to be durable"));
}

TEST_F(ProgressTold, KnowsTheRateFromTheSecondTellingOn) {
  tell(seconds(100), 500);
  EXPECT_EQ(last_.bytes_per_second, 0U);
  tell(seconds(102), 700);
  EXPECT_EQ(last_.bytes_per_second, 100U);
}

TEST_F(ProgressTold, ForgetsAnOldRateWithinSeconds) {
  tell(seconds(100), 0);
  std::uint64_t done = 0;
  for (int second = 101; second < 120; ++second) tell(seconds(second), done += 1000);
  EXPECT_EQ(last_.bytes_per_second, 1000U);
  for (int second = 120; second < 125; ++second) tell(seconds(second), done += 10);
  EXPECT_LT(last_.bytes_per_second, 550U);
  EXPECT_GT(last_.bytes_per_second, 450U);
}

TEST_F(ProgressTold, StandsStillAtZero) {
  tell(seconds(100), 0);
  tell(seconds(101), 800);
  for (int second = 102; second < 200; ++second) tell(seconds(second), 800);
  EXPECT_EQ(last_.bytes_per_second, 0U);
}

TEST_F(ProgressTold, BeginsAnewWithEachStepAndWhenItGoesBack) {
  tell(seconds(100), 0);
  tell(seconds(101), 1000);
  tell(seconds(102), 5, "replaying");
  EXPECT_EQ(last_.bytes_per_second, 0U);
  tell(seconds(103), 25, "replaying");
  EXPECT_EQ(last_.bytes_per_second, 20U);
  tell(seconds(104), 5, "replaying");
  EXPECT_EQ(last_.bytes_per_second, 0U);
}

TEST_F(ProgressTold, IsLoggedNowAndThenOnly) {
  EXPECT_EQ(tell(seconds(100), 0), ProgressNews::message);
  EXPECT_EQ(tell(seconds(129), 1), ProgressNews::message);
  EXPECT_EQ(tell(seconds(130), 2), ProgressNews::message_and_log);
  EXPECT_EQ(tell(seconds(131), 3), ProgressNews::message);
  EXPECT_EQ(tell(seconds(160), 4), ProgressNews::message_and_log);
}

}  // namespace
}  // namespace holdfast
