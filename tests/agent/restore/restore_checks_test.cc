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

TEST(PostmasterPid, IsReadAsFarAsItIsWritten) {
  const auto whole =
      parse_postmaster_pid("4242\n/data\n1700000000\n5433\n/run/postgresql\nlocalhost\n  123  4\nready   \n");
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->pid, 4242);
  EXPECT_EQ(whole->port, 5433);
  EXPECT_EQ(whole->socket_directory, "/run/postgresql");
  EXPECT_EQ(whole->status, "ready");
  EXPECT_EQ(parse_postmaster_pid("4242\n/data\n")->port, 0);
  EXPECT_FALSE(parse_postmaster_pid(""));
  EXPECT_FALSE(parse_postmaster_pid("-1\n"));
  EXPECT_EQ(major_of("15.18"), 15);
  EXPECT_EQ(major_of("beta"), 0);
}

TEST(RestoreUndo, IsTheSameAfterTheJournal) {
  RestoreUndo undo;
  undo.engine = Engine::sqlite;
  undo.path = "/srv/app.db";
  undo.restore = RestoreId(std::array<std::uint8_t, 16>{1, 2});
  undo.target = RestoreUndo::Target::is_new;
  undo.server = RestoreUndo::Server::was_running;
  undo.made = {"/srv/a", "/srv/b"};
  const Bytes bytes = encode_undo(undo);
  EXPECT_EQ(*decode_undo(bytes), undo);
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(decode_undo(ByteView(bytes).first(size)));
}

}  // namespace
}  // namespace holdfast
