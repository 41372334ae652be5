#include "agent/jobs/pace.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace holdfast {
namespace {

constexpr Micros second = std::chrono::seconds(1);

TEST(Pace, LetsEverythingThroughWithoutLimits) {
  PaceMeter meter({});
  EXPECT_EQ(meter.before_sending(1U << 30U, second), Micros(0));
  EXPECT_EQ(meter.after_work(100 * second, second), Micros(0));
}

TEST(Pace, SendsSoManyBytesASecondWhoeverAsks) {
  PaceMeter meter({.bytes_per_second = 1000});
  EXPECT_EQ(meter.before_sending(500, 10 * second), Micros(0));
  EXPECT_EQ(meter.before_sending(1000, 10 * second), second / 2);
  EXPECT_EQ(meter.before_sending(10, 10 * second), second * 3 / 2);
}

TEST(Pace, SavesNothingUpWhileItIsIdle) {
  PaceMeter meter({.bytes_per_second = 1000});
  EXPECT_EQ(meter.before_sending(1000, second), Micros(0));
  EXPECT_EQ(meter.before_sending(1000, 60 * second), Micros(0));
  EXPECT_EQ(meter.before_sending(1000, 60 * second), second);
}

// A simulated hour of work that would take two cores if it were let.
TEST(Pace, HoldsAShareOfAllProcessors) {
  PaceMeter meter({.cpu_percent = 25, .cores = 2});
  Micros now = second;
  Micros used{0};
  Micros most_in_a_second{0};
  Micros second_began = now;
  Micros used_then{0};
  const Micros frame = std::chrono::milliseconds(10);
  while (now < std::chrono::minutes(10)) {
    used += frame;
    now += frame / 2;
    now += meter.after_work(used, now);
    if (now - second_began < second) continue;
    most_in_a_second =
        std::max(most_in_a_second, Micros((used - used_then).count() * 1'000'000 / (now - second_began).count()));
    second_began = now;
    used_then = used;
  }
  EXPECT_NEAR(static_cast<double>(used.count()) / static_cast<double>(now.count()), 0.5, 0.01);
  EXPECT_LT(most_in_a_second, second * 6 / 10);
}

TEST(Pace, OfTheProcessorsSavesNothingUpEither) {
  PaceMeter meter({.cpu_percent = 50, .cores = 1});
  EXPECT_EQ(meter.after_work(Micros(0), second), Micros(0));
  EXPECT_EQ(meter.after_work(Micros(0), 100 * second), Micros(0));
  EXPECT_EQ(meter.after_work(second, 101 * second), second);
}

}  // namespace
}  // namespace holdfast
