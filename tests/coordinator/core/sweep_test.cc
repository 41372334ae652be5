#include <gmock/gmock.h>

#include "shared/repository/layout.h"
#include "tests/coordinator/core/fleet_fixture.h"

namespace holdfast {
namespace {

using testing::HasSubstr;

class Sweep : public FleetFixture {
 protected:
  Host host_ = join("db1", {{"fleet", "demo"}});
  DatabaseId orders_;
  BackupId failed_ = entropy_.id<BackupId>();

  void SetUp() override {
    add_store();
    inventory(host_, {postgres("/srv/orders", 7)});
    orders_ = database("orders").id;
    take_backup(host_, orders_, {});
    fail_backup(failed_);
    work_.clear();
  }
  void fail_backup(BackupId backup) {
    JobReport report;
    report.job.id = entropy_.id<JobId>();
    report.job.kind = JobKind::backup;
    report.job.database = orders_;
    report.job.backup = backup;
    report.backup = Backup{};
    report.backup->id = backup;
    report.backup->database = orders_;
    report.backup->job = report.job.id;
    report.backup->started_at = now_;
    report.sequence = 1;
    report.job.state = JobState::running;
    say(host_, report);
    report.sequence = 2;
    report.job.state = JobState::failed;
    report.job.error = "the agent stopped unexpectedly";
    say(host_, report);
  }
  // Lives until the next listing is asked for, and answers it.
  void sweep(BackupsListed answer) {
    for (int hour = 0; hour < 26; ++hour) {
      live({&host_}, std::chrono::hours(1), std::chrono::seconds(100));
      for (const Work& work : work_) {
        const auto* asked = std::get_if<ListBackups>(&work);
        if (asked == nullptr) continue;
        answer.database = asked->database;
        work_.clear();
        apply(answer);
        return;
      }
    }
    ADD_FAILURE() << "no sweep in a day";
  }
  BackupsListed listing(BackupId backup) const {
    return {orders_, {{"local", {{pack_name(orders_, backup, 0), 1000}}}}, {}, std::nullopt};
  }
  const RemoveStrays* removal() const {
    for (const Work& work : work_) {
      if (const auto* found = std::get_if<RemoveStrays>(&work)) return found;
    }
    return nullptr;
  }
};

TEST_F(Sweep, RemovesWhatAFailedBackupLeftAfterTheGrace) {
  sweep(listing(failed_));
  EXPECT_EQ(removal(), nullptr) << "seen for the first time";
  sweep(listing(failed_));
  EXPECT_EQ(removal(), nullptr);
  sweep(listing(failed_));
  ASSERT_NE(removal(), nullptr);
  EXPECT_EQ(removal()->backup, failed_);
  EXPECT_EQ(removal()->stores.size(), 1U);
  EXPECT_EQ(removal()->objects.at(0).objects.at(0).name, pack_name(orders_, failed_, 0));
}

// Killed before it told more than that its job runs.
TEST_F(Sweep, KnowsABackupByItsJobToo) {
  JobReport report;
  report.sequence = 1;
  report.job.id = entropy_.id<JobId>();
  report.job.kind = JobKind::backup;
  report.job.database = orders_;
  report.job.backup = entropy_.id<BackupId>();
  report.job.state = JobState::failed;
  report.job.error = "the agent stopped unexpectedly";
  say(host_, report);
  for (int day = 0; day < 3; ++day) sweep(listing(report.job.backup));
  ASSERT_NE(removal(), nullptr);
  EXPECT_EQ(removal()->backup, report.job.backup);
  EXPECT_THAT(removal()->why, HasSubstr("failed"));
}

TEST_F(Sweep, RemembersWhatItSawThroughARestart) {
  sweep(listing(failed_));
  sweep(listing(failed_));  // a day later
  restart();
  hello(host_);
  sweep(listing(failed_));  // an hour later
  EXPECT_EQ(removal(), nullptr);
  sweep(listing(failed_));  // two days after the first time, and one after the restart
  EXPECT_NE(removal(), nullptr);
  sweep({orders_, {{"local", {}}}, {}, std::nullopt});
  EXPECT_TRUE(read_rows<StraySighting>(store_)->empty()) << "nothing is kept of what is gone";
}

TEST_F(Sweep, RemovesNothingWhenAStoreOrARecordCouldNotBeRead) {
  BackupsListed broken = listing(failed_);
  broken.error = Error{Code::corrupt, "the record of a backup is damaged", {}};
  for (int day = 0; day < 5; ++day) sweep(broken);
  EXPECT_EQ(removal(), nullptr);
  EXPECT_THAT(alerts_.back(), HasSubstr("the record of a backup is damaged"));
}

TEST_F(Sweep, RemovesNothingThatAKeptBackupNeeds) {
  take_incremental(host_, orders_, {Lsn(300), Lsn(400), Timeline(1)}, {pack_name(orders_, failed_, 0)});
  for (int day = 0; day < 5; ++day) sweep(listing(failed_));
  EXPECT_EQ(removal(), nullptr);
}

TEST_F(Sweep, RemovesNothingWhileTheNodeIsAway) {
  for (int day = 0; day < 5; ++day) sweep(listing(failed_));
  ASSERT_NE(removal(), nullptr);
  work_.clear();
  for (int hour = 0; hour < 60 && work_.empty(); ++hour) {
    pass(std::chrono::hours(1));
    tick();
    std::erase_if(work_, [](const Work& work) { return !std::holds_alternative<ListBackups>(work); });
  }
  ASSERT_FALSE(work_.empty());
  work_.clear();
  apply(listing(failed_));
  EXPECT_EQ(removal(), nullptr);
}

TEST_F(Sweep, WritesWhatWentIntoTheAuditLog) {
  apply(StraysRemoved{orders_, failed_, "failed at noon", 3, 4096, std::nullopt});
  std::string last;
  EXPECT_TRUE(store_.scan(Family::audit, {}, {}, [&last](ByteView, ByteView value) {
    last = std::string(as_text(value));
    return true;
  }));
  EXPECT_THAT(last, HasSubstr("removed 3 objects, 4096 bytes, of backup " + failed_.text()));
  EXPECT_THAT(last, HasSubstr("failed at noon"));
  apply(StraysRemoved{orders_, failed_, "", 0, 0, Error{Code::conflict, "store \"local\" has its record now", {}}});
  EXPECT_THAT(alerts_.back(), HasSubstr("has its record now"));
}

}  // namespace
}  // namespace holdfast
