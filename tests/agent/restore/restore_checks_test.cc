#include "agent/restore/restore_checks.h"

#include <gmock/gmock.h>

#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

constexpr std::uint64_t mib = 1U << 20U;

WalStretch stretch(std::uint32_t timeline, std::uint64_t first_mib, std::uint64_t last_mib) {
  return {Timeline(timeline), Lsn(first_mib * mib), Lsn(last_mib * mib)};
}

TEST(EndOfLog, IsWhereTheFirstGapBegins) {
  const TimelineHistory first;
  EXPECT_EQ(end_of_log(first, Lsn(2 * mib), {stretch(1, 1, 5), stretch(1, 5, 8), stretch(1, 9, 20)}), Lsn(8 * mib));
  EXPECT_EQ(end_of_log(first, Lsn(2 * mib), {stretch(1, 3, 5)}), Lsn(2 * mib));
  EXPECT_EQ(end_of_log(first, Lsn(2 * mib), {}), Lsn(2 * mib));
  EXPECT_EQ(end_of_log(first, Lsn(2 * mib), {stretch(2, 1, 5)}), Lsn(2 * mib));
}

TEST(EndOfLog, FollowsTheTimelineOverAPromotion) {
  // Timeline 2 left timeline 1 at 6 MiB; what timeline 1 has after that belongs to another history.
  const auto history = TimelineHistory::parse(Timeline(2), "1\t0/600000\tpromoted\n");
  ASSERT_THAT(history, Succeeded());
  EXPECT_EQ(end_of_log(*history, Lsn(2 * mib), {stretch(1, 1, 9), stretch(2, 5, 12)}), Lsn(12 * mib));
  EXPECT_EQ(end_of_log(*history, Lsn(2 * mib), {stretch(1, 1, 9)}), Lsn(6 * mib));
  EXPECT_EQ(end_of_log(*history, Lsn(2 * mib), {stretch(1, 1, 4), stretch(2, 5, 12)}), Lsn(4 * mib));
}

TEST(LogBehindTheEnd, IsWhatThisHistoryHasBehindAGap) {
  const TimelineHistory first;
  EXPECT_EQ(log_behind(first, Lsn(8 * mib), {stretch(1, 1, 8)}), std::nullopt);
  EXPECT_EQ(log_behind(first, Lsn(8 * mib), {stretch(1, 20, 30), stretch(1, 9, 20), stretch(1, 1, 8)}),
            stretch(1, 9, 20));
  EXPECT_EQ(log_behind(first, Lsn(8 * mib), {stretch(1, 1, 8), stretch(2, 9, 20)}), std::nullopt);
  const auto history = TimelineHistory::parse(Timeline(2), "1\t0/600000\tpromoted\n");
  ASSERT_THAT(history, Succeeded());
  EXPECT_EQ(log_behind(*history, Lsn(6 * mib), {stretch(1, 1, 9)}), std::nullopt) << "timeline 2 left it before";
  EXPECT_EQ(log_behind(*history, Lsn(4 * mib), {stretch(1, 1, 4), stretch(2, 5, 12)}), stretch(2, 5, 12));
}

TEST(Latest, IsNotTheEdgeOfAGap) {
  RestoreTarget target;
  target.target.kind = TargetKind::latest;
  EXPECT_THAT(check_no_gap(target, Lsn(8 * mib), std::nullopt), Succeeded());
  const auto refused = check_no_gap(target, Lsn(8 * mib), stretch(1, 9, 20));
  EXPECT_THAT(refused, FailedWith(Code::not_restorable, "nothing at 0/800000, and it goes on at 0/900000"));
  EXPECT_THAT(refused.error().hint, testing::HasSubstr("--to-lsn 0/800000"));
  target.target.kind = TargetKind::lsn;
  EXPECT_THAT(check_no_gap(target, Lsn(8 * mib), stretch(1, 9, 20)), Succeeded()) << "it says where to end";
}

TEST(Reachable, IsBetweenTheBackupsEndAndTheEndOfTheLog) {
  BackupRecord record;
  record.stop_lsn = Lsn(5 * mib);
  record.finished_at = Timestamp::from_micros(5'000'000);
  RestoreTarget target;
  EXPECT_THAT(check_reachable(target, record, Lsn(5 * mib)), Succeeded());
  EXPECT_THAT(check_reachable(target, record, Lsn(4 * mib)), FailedWith(Code::not_restorable, "consistent"));
  target.target.kind = TargetKind::lsn;
  target.target.lsn = Lsn(4 * mib);
  EXPECT_THAT(check_reachable(target, record, Lsn(9 * mib)), FailedWith(Code::not_restorable, "first position"));
  target.target.lsn = Lsn(10 * mib);
  EXPECT_THAT(check_reachable(target, record, Lsn(9 * mib)), FailedWith(Code::not_restorable, "last position"));
  target.target.lsn = Lsn(7 * mib);
  EXPECT_THAT(check_reachable(target, record, Lsn(9 * mib)), Succeeded());
  target.target.kind = TargetKind::time;
  target.target.time = Timestamp::from_micros(4'000'000);
  EXPECT_THAT(check_reachable(target, record, Lsn(9 * mib)), FailedWith(Code::not_restorable, "earlier backup"));
}

TEST(Reachable, IsNoEndOfALogThatHasLostItsEnd) {
  BackupRecord record;
  record.stop_lsn = Lsn(5 * mib);
  RestoreTarget target;
  target.target.kind = TargetKind::latest;
  EXPECT_THAT(check_reachable(target, record, Lsn(6 * mib)), Succeeded()) << "nobody knows of more";
  target.planned_through = Lsn(6 * mib);
  EXPECT_THAT(check_reachable(target, record, Lsn(6 * mib)), Succeeded());
  target.planned_through = Lsn(7 * mib);
  const auto refused = check_reachable(target, record, Lsn(6 * mib));
  EXPECT_THAT(refused, FailedWith(Code::not_restorable, "ends at 0/600000"));
  EXPECT_THAT(refused.error().hint, testing::HasSubstr("--to-lsn 0/600000"));
}

TEST(Reachable, IsATimeThatTheLogTellsOf) {
  const Timestamp told = Timestamp::from_micros(5'000'000);
  RestorePlan plan;
  EXPECT_THAT(check_time_is_told(told + Micros(1), plan), Succeeded()) << "somebody planned it";
  plan.times = WalTimes{told + Micros(9), told};
  EXPECT_THAT(check_time_is_told(told, plan), Succeeded());
  const auto refused = check_time_is_told(told + Micros(1), plan);
  EXPECT_THAT(refused, FailedWith(Code::not_restorable, "1970-01-01T00:00:05"));
  EXPECT_THAT(refused.error().hint, testing::HasSubstr("1970-01-01T00:00:05"));
}

TEST(ServerLog, SaysWhyTheServerStopped) {
  const std::string log =
      "2026-11-21 02:28:11 UTC [1] LOG:  starting\n"
      "2026-11-21 02:28:11 UTC [2] FATAL:  requested timeline 3 is not a child of this server's history\n"
      "2026-11-21 02:28:11 UTC [2] DETAIL:  Latest checkpoint is at 0/2000060 on timeline 1.\n"
      "2026-11-21 02:28:12 UTC [1] LOG:  database system is shut down\n"
      "2026-11-21 02:28:12 UTC [1] DETAIL:  of something else\n";
  EXPECT_EQ(fatal_reason(log),
            "FATAL:  requested timeline 3 is not a child of this server's history; DETAIL:  Latest checkpoint is at "
            "0/2000060 on timeline 1.");
  EXPECT_EQ(fatal_reason("LOG:  all is well\n"), "");
  EXPECT_FALSE(ended_before_target(log));
  EXPECT_TRUE(ended_before_target("[3] FATAL:  recovery ended before configured recovery target was reached\n"));
}

}  // namespace
}  // namespace holdfast
