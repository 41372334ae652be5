#include <gmock/gmock.h>

#include "shared/repository/layout.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class CopyJobs : public FleetFixture {
 protected:
  Host host_ = join("db1", {{"fleet", "demo"}});
  Host other_ = join("db2", {{"fleet", "demo"}});
  DatabaseId orders_;

  void SetUp() override {
    add_store("local");
    add_store("offsite");
    Policy policy = default_policy();
    policy.copies_want = 2;
    apply_policy(policy);
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
    report_epoch(host_, orders_);
  }
  BackupId take(std::vector<BackupCopy> copies) {
    const auto id = entropy_.id<BackupId>();
    JobReport report = complete_backup(host_, orders_, entropy_.id<JobId>(), id, {});
    report.backup->copies = std::move(copies);
    EXPECT_NE(find_body<JobReportAck>(say(host_, report)), nullptr);
    return id;
  }
  // What is sent in this time, orders only.
  std::vector<Order> orders_within(Micros time) {
    std::vector<Order> out;
    const Timestamp until = now_ + time;
    while (now_ < until) {
      pass(std::chrono::seconds(20));
      Heartbeat heartbeat;
      heartbeat.clock = now_;
      for (const Host* host : {&host_, &other_}) say(*host, heartbeat);
      for (const Send& sent : tick()) {
        if (const auto* order = std::get_if<Order>(&sent.message.body)) {
          out.push_back(*order);
          say(sent.peer == host_.curve.public_key ? host_ : other_, OrderAck{order->id, true, {}, {}});
        }
      }
    }
    return out;
  }
  template <class Body>
  std::vector<Body> bodies(const std::vector<Order>& orders) {
    std::vector<Body> out;
    for (const Order& order : orders) {
      if (const auto* body = std::get_if<Body>(&order.body)) out.push_back(*body);
    }
    return out;
  }
  Job job(JobId id) {
    for (const Job& known : list(Listing::jobs).jobs) {
      if (known.id == id) return known;
    }
    return {};
  }
  void end(JobId id, JobState state, std::vector<Finding> findings = {}, const std::string& error = {}) {
    const Job known = job(id);
    JobReport report;
    report.sequence = 9;
    report.job = known;
    report.job.state = state;
    report.job.findings = std::move(findings);
    report.job.error = error;
    say(known.node == host_.node ? host_ : other_, report);
  }
  std::vector<std::string> shown() {
    std::vector<std::string> out;
    for (const CopyView& copy : list(Listing::copies).copies) {
      out.push_back((copy.backup.is_null() ? "log " : "backup ") + copy.store + " " + copy.state);
    }
    return out;
  }
  std::string copy_state(BackupId backup, const std::string& store) {
    for (const Backup& row : list(Listing::backups).backups) {
      if (row.id != backup) continue;
      for (const BackupCopy& copy : row.copies) {
        if (copy.store == store) return copy.state;
      }
    }
    return "none";
  }
};

TEST_F(CopyJobs, WhatAStoreLacksIsBroughtAndThenEverythingIsWell) {
  const BackupId backup = take({{"local", "ok"}, {"offsite", "missing"}});
  EXPECT_THAT(shown(), ElementsAre("backup offsite missing"));
  EXPECT_EQ(list(Listing::status).status.below_want, 1U);
  EXPECT_EQ(list(Listing::status).status.below_min, 0U);

  const auto orders = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(orders, SizeIs(1));
  const auto order = std::get<CopyOrder>(orders[0].body);
  EXPECT_EQ(order.backup, backup);
  EXPECT_EQ(order.target.name, "offsite");
  ASSERT_THAT(order.sources, SizeIs(1));
  EXPECT_EQ(order.sources[0].name, "local");
  EXPECT_FALSE(order.doubtful);
  EXPECT_EQ(job(orders[0].id).node, host_.node) << "the database's own";
  EXPECT_EQ(list(Listing::copies).copies.at(0).job, orders[0].id);

  end(orders[0].id, JobState::complete);
  EXPECT_EQ(copy_state(backup, "offsite"), "ok");
  EXPECT_THAT(shown(), IsEmpty());
  EXPECT_EQ(list(Listing::status).status.below_want, 0U);
  EXPECT_THAT(orders_within(std::chrono::minutes(5)), IsEmpty());
}

TEST_F(CopyJobs, AStoreThatIsNewGetsCopiesOfWhatIsThere) {
  const BackupId backup = take({{"local", "ok"}});
  const auto orders = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(orders, SizeIs(1));
  end(orders[0].id, JobState::complete);
  EXPECT_EQ(copy_state(backup, "offsite"), "ok");
}

TEST_F(CopyJobs, ATryThatFailedIsRepeatedElsewhereAndLater) {
  take({{"local", "ok"}, {"offsite", "missing"}});
  const auto first = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(first, SizeIs(1));
  end(first[0].id, JobState::failed, {}, "no route to it");
  EXPECT_THAT(list(Listing::copies).copies.at(0).reason, HasSubstr("no route to it"));
  EXPECT_THAT(orders_within(std::chrono::seconds(40)), IsEmpty());
  const auto second = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(second, SizeIs(1));
  EXPECT_EQ(job(second[0].id).node, other_.node);
}

TEST_F(CopyJobs, ANodeCarriesOneJobAtATime) {
  for (int i = 0; i < 5; ++i) take({{"local", "ok"}, {"offsite", "missing"}});
  EXPECT_THAT(orders_within(std::chrono::minutes(5)), SizeIs(2)) << "as many as there are nodes";
}

TEST_F(CopyJobs, TheFewestAndOldestComeFirst) {
  const BackupId old = take({{"local", "ok"}, {"offsite", "missing"}});
  pass(std::chrono::hours(1));
  const BackupId worst = take({{"local", "missing"}, {"offsite", "missing"}});
  const auto orders = bodies<CopyOrder>(orders_within(std::chrono::minutes(3)));
  ASSERT_THAT(orders, SizeIs(2));
  EXPECT_EQ(orders[0].backup, worst);
  EXPECT_EQ(orders[1].backup, worst);
  EXPECT_NE(orders[0].target.name, orders[1].target.name);
  EXPECT_NE(old, worst);
}

TEST_F(CopyJobs, DamagedObjectsGoOnlyByNameAndThenTheCopyIsFilled) {
  const BackupId backup = take({{"local", "ok"}, {"offsite", "damaged"}});
  const auto orders = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(orders, SizeIs(1));
  EXPECT_TRUE(std::get<CopyOrder>(orders[0].body).doubtful);
  const std::string pack = pack_name(orders_, backup, 0);
  work_.clear();
  // It names two that are none of this copy's: those are not the agent's to have removed.
  end(orders[0].id, JobState::failed,
      {{"offsite", pack, "bits"},
       {"offsite", pack_name(orders_, entropy_.id<BackupId>(), 0), "of another"},
       {"offsite", fleet_record_name(), "of everybody"}},
      "1 object is damaged");
  const RemoveDamaged* removal = nullptr;
  for (const Work& work : work_) {
    if (const auto* found = std::get_if<RemoveDamaged>(&work)) removal = found;
  }
  ASSERT_NE(removal, nullptr);
  EXPECT_THAT(removal->names, ElementsAre(pack));
  EXPECT_EQ(removal->store.name, "offsite");
  EXPECT_THAT(orders_within(std::chrono::minutes(20)), IsEmpty()) << "not before they are gone";

  apply(DamagedRemoved{orders_, backup, "offsite", {pack}, std::nullopt});
  const auto again = orders_within(std::chrono::minutes(2));
  ASSERT_THAT(again, SizeIs(1));
  end(again[0].id, JobState::complete);
  EXPECT_EQ(copy_state(backup, "offsite"), "ok");
}

TEST_F(CopyJobs, ALogThatFellBehindIsCaughtUpWith) {
  take({{"local", "ok"}, {"offsite", "ok"}});
  ship(host_, orders_, Timeline(1), Lsn(100), Lsn(500), now_, now_);
  for (const Order& order : orders_within(std::chrono::minutes(5))) end(order.id, JobState::complete);
  for (const Order& order : orders_within(std::chrono::minutes(5))) end(order.id, JobState::complete);
  EXPECT_THAT(orders_within(std::chrono::minutes(5)), IsEmpty()) << "compared, both of them";
  EXPECT_THAT(shown(), IsEmpty());

  WalPosition position;
  position.database = orders_;
  position.timeline = Timeline(1);
  position.first = Lsn(100);
  position.durable = position.written = Lsn(600);
  position.arrears = {{"offsite", 3}};
  Heartbeat heartbeat;
  heartbeat.clock = now_;
  heartbeat.positions = {position};
  say(host_, heartbeat);
  EXPECT_THAT(shown(), ElementsAre("log offsite missing"));
  EXPECT_THAT(list(Listing::status).status.alerts, Contains(HasSubstr("its log is missing in store \"offsite\"")));
  const auto orders = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(orders, SizeIs(1));
  EXPECT_TRUE(std::get<CopyOrder>(orders[0].body).backup.is_null());
  // More of it is missed while the job runs.
  heartbeat.positions[0].arrears = {{"offsite", 4}};
  say(host_, heartbeat);
  end(orders[0].id, JobState::complete);
  EXPECT_THAT(shown(), ElementsAre("log offsite missing"));
  const auto more = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(more, SizeIs(1));
  end(more[0].id, JobState::complete);
  EXPECT_THAT(shown(), IsEmpty());

  // The lists that said so may have been behind.
  EXPECT_THAT(orders_within(std::chrono::minutes(9)), IsEmpty());
  const auto again = orders_within(std::chrono::minutes(3));
  ASSERT_THAT(again, SizeIs(1));
  EXPECT_EQ(std::get<CopyOrder>(again[0].body).target.name, "offsite");
  end(again[0].id, JobState::complete);
  EXPECT_THAT(bodies<CopyOrder>(orders_within(std::chrono::hours(5))), IsEmpty()) << "once is enough";
}

TEST_F(CopyJobs, AStoreThatIsAwayForAnHourIsTriedMoreAndMoreSeldomAndThenCaughtUpWith) {
  const BackupId backup = take({{"local", "ok"}, {"offsite", "missing"}});
  std::vector<Timestamp> tries;
  const Timestamp back = now_ + std::chrono::hours(1);
  while (now_ < back) {
    for (const Order& order : orders_within(std::chrono::minutes(1))) {
      tries.push_back(now_);
      end(order.id, JobState::failed, {}, "offsite does not answer");
    }
  }
  EXPECT_GE(tries.size(), 4U);
  EXPECT_LE(tries.size(), 8U) << "with pauses that double";
  EXPECT_THAT(shown(), ElementsAre("backup offsite missing"));
  EXPECT_EQ(list(Listing::status).status.below_want, 1U) << "nothing is claimed of it";
  const auto orders = orders_within(std::chrono::hours(1));
  ASSERT_THAT(orders, SizeIs(1)) << "without anybody asking for it";
  end(orders[0].id, JobState::complete);
  EXPECT_EQ(copy_state(backup, "offsite"), "ok");
  EXPECT_THAT(shown(), IsEmpty());
}

TEST_F(CopyJobs, ALostStoreIsFilledAgainFromTheOthers) {
  const BackupId backup = take({{"local", "ok"}, {"offsite", "ok"}});
  CopyRequest request;
  request.lost_store = "offsite";
  const auto started = expect<JobsReply>(request);
  EXPECT_THAT(started.jobs, SizeIs(1));
  EXPECT_EQ(copy_state(backup, "offsite"), "missing");
  request.lost_store = "nowhere";
  EXPECT_EQ(refusal(request).code, Code::not_found);
}

TEST_F(CopyJobs, EachIsScrubbedWhenItsTimeHasComeTheOldestFirst) {
  const BackupId old = take({{"local", "ok"}, {"offsite", "ok"}});
  pass(std::chrono::hours(24 * 20));
  const BackupId young = take({{"local", "ok"}, {"offsite", "ok"}});
  pass(std::chrono::hours(24 * 11));
  hello(host_);
  hello(other_);
  const auto orders = orders_within(std::chrono::minutes(5));
  const auto scrubs = bodies<ScrubOrder>(orders);
  ASSERT_THAT(scrubs, SizeIs(2)) << "one on each store";
  for (const ScrubOrder& scrub : scrubs) EXPECT_EQ(scrub.backup, old);
  EXPECT_NE(scrubs[0].store.name, scrubs[1].store.name);
  EXPECT_NE(old, young);

  // One is sound, the other is not.
  const bool first_is_local = scrubs[0].store.name == "local";
  end(orders[first_is_local ? 0 : 1].id, JobState::complete);
  end(orders[first_is_local ? 1 : 0].id, JobState::failed, {{"offsite", pack_name(orders_, old, 0), "bits"}},
      "damaged");
  EXPECT_EQ(copy_state(old, "local"), "ok");
  EXPECT_EQ(copy_state(old, "offsite"), "damaged");
  EXPECT_THAT(list(Listing::status).status.alerts, Contains(HasSubstr("damaged copies of earlier backups: 1")));
  const auto repair = bodies<CopyOrder>(orders_within(std::chrono::minutes(3)));
  ASSERT_THAT(repair, SizeIs(1));
  EXPECT_EQ(repair[0].backup, old);
  EXPECT_EQ(repair[0].target.name, "offsite");
  EXPECT_THAT(bodies<ScrubOrder>(orders_within(std::chrono::hours(5))), IsEmpty()) << "not before a period has passed";
}

TEST_F(CopyJobs, AScrubThatCouldNotReadSaysNothingAboutTheCopy) {
  const BackupId backup = take({{"local", "ok"}, {"offsite", "ok"}});
  pass(std::chrono::hours(24 * 31));
  hello(host_);
  hello(other_);
  const auto orders = orders_within(std::chrono::minutes(5));
  ASSERT_THAT(orders, SizeIs(2));
  for (const Order& order : orders) end(order.id, JobState::failed, {}, "away");
  EXPECT_EQ(copy_state(backup, "local"), "ok");
  EXPECT_EQ(copy_state(backup, "offsite"), "ok");
  EXPECT_THAT(orders_within(std::chrono::minutes(30)), IsEmpty());
  EXPECT_THAT(orders_within(std::chrono::minutes(40)), Not(IsEmpty()));
}

}  // namespace
}  // namespace holdfast
