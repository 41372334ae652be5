#include "coordinator/cli/human.h"

#include <gtest/gtest.h>

#include "coordinator/cli/table.h"

namespace holdfast {
namespace {

TEST(HumanAge, UsesTheUnitThatKeepsTwoDigits) {
  const Timestamp now = Timestamp::from_micros(1'790'000'000'000'000);
  const auto age = [&](std::chrono::seconds ago) { return human_age(now - ago, now); };
  EXPECT_EQ(age(std::chrono::seconds(0)), "0s");
  EXPECT_EQ(age(std::chrono::seconds(119)), "119s");
  EXPECT_EQ(age(std::chrono::minutes(2)), "2m");
  EXPECT_EQ(age(std::chrono::minutes(119)), "119m");
  EXPECT_EQ(age(std::chrono::hours(47)), "47h");
  EXPECT_EQ(age(std::chrono::hours(48)), "2d");
  EXPECT_EQ(age(std::chrono::hours(-1)), "0s") << "a clock that is ahead";
  EXPECT_EQ(human_age(Timestamp(), now), "-");
}

TEST(HumanBytes, ShowsAboutThreeDigits) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1024), "1.0 KiB");
  EXPECT_EQ(human_bytes(3'221'225'472), "3.0 GiB");
  EXPECT_EQ(human_bytes(734'003'200), "700 MiB");
  EXPECT_EQ(human_bytes(1'048'575), "1.0 MiB") << "not 1024 KiB";
  EXPECT_EQ(human_bytes(~0ULL), "16.0 EiB");
}

TEST(HumanSeconds, GetsCoarserAsItGrows) {
  EXPECT_EQ(human_seconds(0), "0s");
  EXPECT_EQ(human_seconds(0.42), "0.4s");
  EXPECT_EQ(human_seconds(59.6), "60s");
  EXPECT_EQ(human_seconds(200), "3m20s");
  EXPECT_EQ(human_seconds(7500), "2h05m");
}

TEST(HumanTime, IsUtcToTheSecond) {
  EXPECT_EQ(human_time(parse_time("2026-11-21T01:10:46.9Z").value()), "2026-11-21 01:10:46Z");
  EXPECT_EQ(human_time(Timestamp()), "-");
}

TEST(Printable, TakesControlCharactersOut) {
  EXPECT_EQ(printable("a\x1b[31mb\nc\x7f"), "a?[31mb?c?");
  EXPECT_EQ(printable("\xc2\x9b"), "??") << "a control character of two bytes";
  EXPECT_EQ(printable("größe"), "größe");
}

TEST(Table, AlignsColumnsByCharacters) {
  Table table({"NAME", "STATE"});
  table.row({"größe", "active"});
  table.row({"x", ""});
  EXPECT_EQ(table.text(Headers::show), "NAME   STATE\ngröße  active\nx      -\n");
  EXPECT_EQ(table.text(Headers::hide), "größe  active\nx      -\n");
}

}  // namespace
}  // namespace holdfast
