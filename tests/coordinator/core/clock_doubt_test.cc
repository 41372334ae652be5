// A clock that jumped decides nothing that cannot be taken back.
#include "coordinator/core/clock_doubt.h"

#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

constexpr std::chrono::hours day{24};

class ClockDoubts : public FleetFixture {
 protected:
  Host host_ = join("db1", {{"fleet", "demo"}});
  Host other_ = join("db2", {{"fleet", "demo"}});
  Host third_ = join("db3", {{"fleet", "demo"}});
  BackupId old_;

  void SetUp() override {
    Policy policy = default_policy();
    policy.pitr = 7 * day;
    policy.max_backups = 1;
    apply_policy(policy);
    add_store();
    inventory(host_, {postgres("/srv/orders", 7)});
    const DatabaseId orders = database("orders").id;
    old_ = take_backup(host_, orders, {Lsn(100), Lsn(200), Timeline(1)});
    pass(std::chrono::minutes(1));
    take_backup(host_, orders, {Lsn(300), Lsn(400), Timeline(1)});
    live({&host_, &other_, &third_}, std::chrono::minutes(2));
  }
  // What nodes say whose clocks stand still where they were while ours went on by `behind`.
  void beat(const std::vector<const Host*>& hosts, Micros behind) {
    Heartbeat heartbeat;
    heartbeat.clock = now_ - behind;
    for (const Host* host : hosts) say(*host, heartbeat);
  }
  bool kept() {
    const auto rows = read_rows<Backup>(store_).value();
    return std::ranges::any_of(
        rows, [&](const Backup& backup) { return backup.id == old_ && backup.state == BackupState::complete; });
  }
  bool alerted() {
    return std::ranges::any_of(alerts_, [](const auto& alert) { return alert.find("clock") != std::string::npos; });
  }
};

TEST_F(ClockDoubts, RetentionWaitsForNodesThatCanTellTheTime) {
  pass(30 * day);
  tick();
  tick();
  EXPECT_TRUE(kept());
  EXPECT_FALSE(alerted());
  beat({&host_}, Micros(0));
  pass(std::chrono::minutes(2));
  tick();
  EXPECT_FALSE(kept());
}

TEST_F(ClockDoubts, RetentionRemovesNothingWhileMostNodesSayThatOursIsAhead) {
  pass(30 * day);
  tick();
  beat({&host_, &other_}, 30 * day);
  beat({&third_}, Micros(0));
  pass(std::chrono::minutes(2));
  tick();
  EXPECT_TRUE(kept());
  EXPECT_TRUE(alerted());
  const auto refused = refusal(RetentionRequest{true, {}});
  EXPECT_EQ(refused.code, Code::conflict);
  EXPECT_NE(refused.message.find("clock is ahead of 2 of 3 nodes, by up to 2592"), std::string::npos)
      << refused.message;
  EXPECT_TRUE(kept());
  const auto preview = expect<RetentionReply>(RetentionRequest{false, {}});
  EXPECT_NE(preview.lines.at(0).find("removes nothing now"), std::string::npos);

  // Set right by the time of the next look, and nothing is lost: it runs within the hour as it would have.
  now_ = now_ - 30 * day;
  beat({&host_, &other_, &third_}, Micros(0));
  pass(std::chrono::hours(2));
  beat({&host_, &other_, &third_}, Micros(0));
  tick();
  pass(std::chrono::hours(1));
  beat({&host_, &other_, &third_}, Micros(0));
  tick();
  EXPECT_TRUE(kept());
  pass(30 * day);
  beat({&host_, &other_, &third_}, Micros(0));
  tick();
  EXPECT_FALSE(kept());
}

TEST_F(ClockDoubts, OneNodeThatIsWrongStopsNothing) {
  pass(30 * day);
  beat({&host_, &other_}, Micros(0));
  beat({&third_}, 30 * day);
  pass(std::chrono::minutes(2));
  tick();
  EXPECT_FALSE(kept());
}

}  // namespace
}  // namespace holdfast
