// A whole PostgreSQL restore into a directory that has most of it already.
#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "agent/restore/incomplete_mark.h"
#include "agent/restore/leftovers.h"
#include "agent/restore/owned_files.h"
#include "tests/agent/restore/copying_clones.h"
#include "tests/agent/restore/restored_cluster.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

class PostgresDeltaRestore : public InPlaceRestore {
 protected:
  void SetUp() override {
    InPlaceRestore::SetUp();
    method_ = RestoreMethod::delta;
    clones_ = no_clones();
    ASSERT_THAT(cluster_->sql("CREATE TABLE big AS SELECT g AS n, repeat(md5(g::text), 8) AS t FROM "
                              "generate_series(1, 20000) g; CHECKPOINT; SELECT 1"),
                Succeeded());
  }
  const std::string& data() const { return cluster_->data_directory(); }
  std::string file_of(const std::string& relation) {
    return data() + "/" + *cluster_->sql(fmt::format("SELECT pg_relation_filepath('{}')", relation));
  }
  static void damage(const std::string& path, std::uint64_t position) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(position));
    file << std::string(8192, 'x');
  }
  // pg_ctl, as whoever looks after the host would try it.
  bool starts() {
    const bool started = cluster_->start().has_value();
    return started && running_postmaster(data()).has_value();
  }
  RecoveryTarget never_made() {
    RecoveryTarget out = to(TargetKind::name);
    out.text = "never made";
    return out;
  }
  std::string count_big() { return cluster_->sql("SELECT count(t) FROM big").value_or("no answer"); }
};

TEST_F(PostgresDeltaRestore, FetchesWhatWasDamagedAndReplaysTheRest) {
  insert(1);
  const std::string damaged = file_of("big");
  const std::string lost = file_of("t");
  const BackupRecord record = back_up();
  insert(2);
  ship_everything();
  ASSERT_THAT(cluster_->stop(), Succeeded());
  damage(damaged, 100 * 8192);
  fs::remove(lost);
  const auto restored = restore_in_place(record, {});
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(*cluster_->sql(all_rows), "1,2");
  EXPECT_EQ(count_big(), "20000");
  EXPECT_EQ(restored->way_back, WayBack::none);
  EXPECT_EQ(restored->aside, "");
  EXPECT_GT(restored->fetched_bytes, 0U);
  EXPECT_LT(restored->fetched_bytes, restored->bytes / 3);
  // The log that the server had is not the backup's, and not lost either.
  EXPECT_EQ(restored->leftovers, leftovers_name(data(), restore_));
  EXPECT_FALSE(fs::is_empty(restored->leftovers + "/pg_wal"));
  EXPECT_FALSE(is_marked_incomplete(data()));
  EXPECT_THAT(steps_, testing::ElementsAre("checked", "setting aside", "writing files", "starting", "complete"));
}

TEST_F(PostgresDeltaRestore, OfARunningServerStopsIt) {
  insert(1);
  const BackupRecord record = back_up();
  insert(2);
  const auto restored = restore_in_place(record, to(TargetKind::immediate));
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  EXPECT_EQ(steps_.at(1), "stopping the server");
}

TEST_F(PostgresDeltaRestore, ThatFailsStartsNoServerAndASecondOneGoesOn) {
  insert(1);
  const BackupRecord record = back_up();
  ship_everything();
  receiver_.reset();
  insert(2);  // only in the log that the server has, which no restore may replay
  const auto failed = restore_in_place(record, never_made());
  EXPECT_THAT(failed, FailedWith(Code::not_restorable, "overwritten in part"));
  EXPECT_THAT(failed.error().hint, testing::HasSubstr("run the restore again"));
  EXPECT_EQ(last_.way_back, WayBack::none);
  EXPECT_EQ(steps_.back(), "left incomplete");
  EXPECT_FALSE(running_postmaster(data()));
  EXPECT_TRUE(fs::exists(data() + "/holdfast-restore-incomplete"));
  EXPECT_FALSE(starts()) << "half of it is of another moment";

  restore_ = repository_.entropy.id<RestoreId>();
  const auto again = restore_in_place(record, {});
  ASSERT_THAT(again, Succeeded());
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  EXPECT_FALSE(fs::exists(data() + "/holdfast-restore-incomplete"));
}

TEST_F(PostgresDeltaRestore, ThatCannotReachItsTargetLeavesTheServerAlone) {
  insert(1);
  const BackupRecord record = back_up();
  ship_everything();
  RecoveryTarget late = to(TargetKind::lsn);
  late.lsn = Lsn(1ULL << 50U);
  EXPECT_THAT(restore_in_place(record, late), FailedWith(Code::not_restorable, "the log ends at"));
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  EXPECT_EQ(last_.way_back, WayBack::kept);
}

TEST_F(PostgresDeltaRestore, WithoutTheKeyOfTheNewestLogOverwritesNothing) {
  insert(1);
  const BackupRecord record = back_up();
  NewEpoch next = repository_.fleet.new_epoch();
  ASSERT_THAT(repository_.stores.put(epoch_name(record.database, next.key.id), next.object), Succeeded());
  epoch_ = std::make_shared<EpochKey>(std::move(next.key));
  insert(2);
  ship_everything();
  EXPECT_THAT(restore_in_place(record, {}), FailedWith(Code::denied, "there is no key"));
  EXPECT_EQ(last_.way_back, WayBack::kept);
  EXPECT_EQ(*cluster_->sql(all_rows), "1,2");
}

TEST_F(PostgresDeltaRestore, WithClonesSetsTheOldDirectoryAsideAndCanRollBack) {
  clones_ = copying_clones();
  insert(1);
  const BackupRecord record = back_up();
  insert(2);
  const auto restored = restore_in_place(record, to(TargetKind::immediate));
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  EXPECT_LT(restored->fetched_bytes, restored->bytes / 3);
  EXPECT_EQ(restored->way_back, WayBack::kept);
  EXPECT_EQ(restored->leftovers, "");
  ASSERT_THAT(cluster_->stop(), Succeeded());
  ASSERT_THAT(undo_restore(undo_, {}, [this] { return cluster_->start(); }), Succeeded());
  ASSERT_THAT(cluster_->wait_for(all_rows, "1,2"), Succeeded());
  EXPECT_FALSE(fs::exists(restored->aside));
}

TEST_F(PostgresDeltaRestore, WithClonesPutsTheOldClusterBackWhenItFails) {
  clones_ = copying_clones();
  insert(1);
  const BackupRecord record = back_up();
  ship_everything();
  insert(2);
  EXPECT_THAT(restore_in_place(record, never_made()), FailedWith(Code::not_restorable));
  ASSERT_THAT(cluster_->wait_for(all_rows, "1,2"), Succeeded());
  EXPECT_EQ(steps_.back(), "put back");
}

TEST_F(PostgresDeltaRestore, CutOffByACrashIsMarkedAgainUnlessNothingWasOverwritten) {
  insert(1);
  ASSERT_THAT(cluster_->stop(), Succeeded());
  RestoreUndo undo;
  undo.path = data();
  undo.restore = restore_;
  undo.target = RestoreUndo::Target::overwritten;
  undo.server = RestoreUndo::Server::was_running;
  EXPECT_EQ(*decode_undo(encode_undo(undo)), undo);
  const auto stop = [this] { return cluster_->stop(); };
  const auto start = [this] { return cluster_->start(); };
  const auto must_not = []() -> Result<> { return fail(Code::internal, "it was started"); };

  ASSERT_THAT(mark_incomplete(data(), cluster_->owner()), Succeeded());
  EXPECT_EQ(*recover_interrupted(restore_step::set_aside, undo, stop, start), Interrupted::put_back);
  EXPECT_EQ(*cluster_->sql(all_rows), "1");
  // In recovery, without the mark: what it replays nobody can say any more.
  EXPECT_EQ(*recover_interrupted(restore_step::starting, undo, stop, must_not), Interrupted::incomplete);
  EXPECT_FALSE(running_postmaster(data()));
  EXPECT_EQ(*recover_interrupted(restore_step::writing, undo, {}, must_not), Interrupted::incomplete);
  EXPECT_FALSE(starts());
  EXPECT_EQ(*recover_interrupted(restore_step::incomplete, undo, {}, must_not), Interrupted::untouched);
  EXPECT_EQ(*recover_interrupted(restore_step::complete, undo, {}, must_not), Interrupted::untouched);
}

TEST_F(PostgresDeltaRestore, BreaksTheGlassIntoTheClusterItselfWithItsTablespaces) {
  const std::string place = cluster_->root() + "/fast";
  ASSERT_THAT(make_owned_directory(place, cluster_->owner(), 0700), Succeeded());
  ASSERT_THAT(cluster_->sql(fmt::format("CREATE TABLESPACE fast LOCATION '{}'", place)), Succeeded());
  ASSERT_THAT(cluster_->sql("CREATE TABLE f(n int) TABLESPACE fast; INSERT INTO f VALUES(7); SELECT 1"), Succeeded());
  const std::string damaged = file_of("f");
  back_up();
  ship_everything();
  receiver_.reset();
  ASSERT_THAT(cluster_->stop(), Succeeded());
  damage(damaged, 0);
  BreakGlassRestore what = wanted();
  what.target_directory = data();
  EXPECT_THAT(restore(what), FailedWith(Code::conflict, "not empty")) << "only by delta";
  what.method = RestoreMethod::delta;
  what.port = std::nullopt;
  const auto restored = restore(what);
  ASSERT_THAT(restored, Succeeded());
  EXPECT_EQ(*cluster_->sql("SELECT n FROM f"), "7");
  EXPECT_EQ(*cluster_->sql("SELECT pg_tablespace_location(oid) FROM pg_tablespace WHERE spcname='fast'"), place);
  EXPECT_EQ(count_big(), "20000");
  EXPECT_LT(restored->fetched_bytes, restored->bytes / 3);
}

TEST_F(PostgresDeltaRestore, RefusesADirectoryThatIsNotKnownToBeTheClusters) {
  back_up();
  ship_everything();
  BreakGlassRestore what = wanted();
  what.method = RestoreMethod::delta;
  fs::create_directory(target());
  std::ofstream(target() + "/precious") << "x";
  EXPECT_THAT(restore(what), FailedWith(Code::conflict, "nothing says that"));
  auto other = PostgresCluster::started();
  ASSERT_THAT(other, Succeeded());
  what.target_directory = other->data_directory();
  EXPECT_THAT(restore(what), FailedWith(Code::conflict, "holds another cluster"));
  EXPECT_EQ(*other->sql("SELECT 1"), "1");
}

TEST_F(PostgresDeltaRestore, RefusesTablespacesOfAnotherRunningServer) {
  const std::string place = cluster_->root() + "/fast";
  ASSERT_THAT(make_owned_directory(place, cluster_->owner(), 0700), Succeeded());
  ASSERT_THAT(cluster_->sql(fmt::format("CREATE TABLESPACE fast LOCATION '{}'", place)), Succeeded());
  back_up();
  ship_everything();
  // A copy by hand, whose link leads to the original's tablespace.
  fs::copy(data(), target(), fs::copy_options::recursive | fs::copy_options::copy_symlinks);
  fs::remove(target() + "/postmaster.pid");
  BreakGlassRestore what = wanted();
  what.method = RestoreMethod::delta;
  EXPECT_THAT(restore(what), FailedWith(Code::conflict, "belongs to the running server"));
  EXPECT_FALSE(is_marked_incomplete(target()));
}

TEST_F(PostgresDeltaRestore, IntoAnEmptyPlaceIsAFullOne) {
  insert(1);
  back_up();
  ship_everything();
  BreakGlassRestore what = wanted();
  what.method = RestoreMethod::delta;
  ASSERT_THAT(restore(what), Succeeded());
  EXPECT_EQ(ask(all_rows), "1");
}

}  // namespace
}  // namespace holdfast
