#include "agent/postgres/held_log.h"

#include <gtest/gtest.h>

#include "tests/agent/postgres/endpoint_of.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

using std::chrono::minutes;

// A standby whose primary goes on writing and making checkpoints.
class LogOfAStandby : public testing::Test {
 protected:
  void write_a_segment_and_a_checkpoint() {
    ASSERT_THAT(primary_.sql("CREATE TABLE IF NOT EXISTS t (n int); INSERT INTO t SELECT generate_series(1, 1000)"),
                Succeeded());
    ASSERT_THAT(primary_.sql("SELECT pg_switch_wal()"), Succeeded());
    ASSERT_THAT(primary_.sql("CHECKPOINT"), Succeeded());
    const std::string end = primary_.sql("SELECT pg_current_wal_lsn()").value();
    ASSERT_THAT(standby_.wait_for("SELECT pg_last_wal_replay_lsn() >= '" + end + "'", "t"), Succeeded());
    ASSERT_THAT(standby_.sql("CHECKPOINT"), Succeeded());
  }
  std::string replayed() { return standby_.sql("SELECT pg_last_wal_replay_lsn()").value(); }
  bool slot_is_at_or_before(const std::string& position) {
    return standby_.sql("SELECT restart_lsn <= '" + position + "' FROM pg_replication_slots WHERE temporary")
               .value_or("") == "t";
  }
  bool has_segment_of(const std::string& position) {
    // pg_walfile_name() cannot be asked of a standby.
    const std::string name = primary_.sql("SELECT pg_walfile_name('" + position + "')").value();
    return standby_.sql("SELECT count(*) FROM pg_ls_waldir() WHERE name = '" + name + "'").value() == "1";
  }

  PostgresCluster primary_ =
      PostgresCluster::started({.settings = {"min_wal_size = 32MB", "wal_keep_size = 0"}}).value();
  PostgresCluster standby_ = PostgresCluster::standby_of(primary_).value();
  DatabaseId database_{{1, 2, 3}};
};

TEST_F(LogOfAStandby, IsHeldForTheTimeThatIsAskedForAndNoLonger) {
  HeldLog held(endpoint_of(standby_), database_, {.longest = minutes(10)});
  ASSERT_THAT(held.renew(minutes(0)), Succeeded());
  const std::string begin = primary_.sql("SELECT pg_current_wal_insert_lsn()").value();
  for (int minute = 1; minute <= 9; ++minute) {
    write_a_segment_and_a_checkpoint();
    ASSERT_THAT(held.renew(minutes(minute)), Succeeded());
  }
  EXPECT_TRUE(has_segment_of(begin));
  EXPECT_TRUE(slot_is_at_or_before(begin));
  ASSERT_THAT(held.renew(minutes(15)), Succeeded());
  EXPECT_FALSE(slot_is_at_or_before(begin)) << "it stands where the server was five minutes after the beginning";
  write_a_segment_and_a_checkpoint();
  write_a_segment_and_a_checkpoint();
  EXPECT_FALSE(has_segment_of(begin));
}

TEST_F(LogOfAStandby, IsNotHeldBeyondTheBytesThatAreAllowed) {
  HeldLog held(endpoint_of(standby_), database_, {.longest = minutes(10), .most_bytes = 20U << 20U});
  ASSERT_THAT(held.renew(minutes(0)), Succeeded());
  const std::string begin = replayed();
  for (int i = 0; i < 3; ++i) {
    write_a_segment_and_a_checkpoint();
    ASSERT_THAT(held.renew(minutes(1)), Succeeded());
  }
  EXPECT_FALSE(slot_is_at_or_before(begin));
}

TEST_F(LogOfAStandby, IsLetGoWithTheSessionWhateverBecomesOfUs) {
  {
    HeldLog held(endpoint_of(standby_), database_, {});
    ASSERT_THAT(held.renew(minutes(0)), Succeeded());
    EXPECT_EQ(standby_.sql("SELECT slot_name FROM pg_replication_slots").value(), held_slot_name(database_));
  }
  EXPECT_THAT(standby_.wait_for("SELECT count(*) FROM pg_replication_slots", "0"), Succeeded());
}

TEST_F(LogOfAStandby, IsHeldThroughItsPromotionAndAgainAfterARestart) {
  HeldLog held(endpoint_of(standby_), database_, {});
  ASSERT_THAT(held.renew(minutes(0)), Succeeded());
  ASSERT_THAT(standby_.promote(), Succeeded());
  ASSERT_THAT(held.renew(minutes(1)), Succeeded());
  EXPECT_TRUE(held.holds());
  ASSERT_THAT(standby_.restart(), Succeeded());
  EXPECT_FALSE(held.renew(minutes(2)).has_value()) << "what was held is gone, and that is said";
  EXPECT_FALSE(held.holds());
  EXPECT_THAT(held.renew(minutes(3)), Succeeded());
  EXPECT_TRUE(held.holds());
}

}  // namespace
}  // namespace holdfast
