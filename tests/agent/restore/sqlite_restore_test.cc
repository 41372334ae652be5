#include "agent/restore/sqlite_restore.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "agent/restore/timeline_choice.h"
#include "agent/sqlite/online_backup.h"
#include "tests/agent/restore/repository_in_a_directory.h"
#include "tests/agent/sqlite/sqlite_file.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

namespace fs = std::filesystem;

std::string content_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class SqliteRestore : public testing::Test {
 protected:
  std::string at(const std::string& name) const { return place_.path() + "/" + name; }
  std::string database() const { return at("app.db"); }

  BackupRecord back_up() {
    const BackupId id = repository_.entropy.id<BackupId>();
    BackupWriter writer(repository_.fleet.fleet, repository_.fleet.database, id, repository_.fleet.epoch.key,
                        repository_.stores, repository_.entropy, {});
    auto worker = writer.worker();
    Manifest manifest;
    SnapshotOptions options;
    options.scratch_directory = place_.path();
    const auto done =
        sqlite_backup(database(), open_files_, repository_.clock, options, worker, manifest, StopToken(), {});
    EXPECT_THAT(done, Succeeded());
    EXPECT_THAT(writer.put_manifest(manifest), Succeeded());
    BackupRecord record = repository_.new_record();
    record.page_size = done->page_size;
    record.finished_at = done->taken_at;
    record.engine_version = done->engine_version;
    EXPECT_THAT(writer.finish(record, repository_.fleet.signer), Succeeded());
    return record;
  }

  Result<RestoreTarget> restore(const BackupRecord& record, const std::string& path, bool in_place) {
    const BackupReader reader = TRY(BackupReader::open(repository_.stores, record, repository_.fleet.ring));
    RestoreTarget target;
    target.engine = Engine::sqlite;
    target.directory = path;
    target.in_place = in_place;
    RestoreJournal journal = [this](std::string_view step, const RestoreUndo& undo) -> Result<> {
      steps_.emplace_back(step);
      undo_ = TRY(decode_undo(encode_undo(undo)));
      EXPECT_EQ(undo_, undo);
      if (step == fail_at_) return fail(Code::exhausted, "the journal's disk is full");
      return {};
    };
    TRY(restore_sqlite(target, {reader, restore_, repository_.clock, StopToken(), {}, journal}));
    return target;
  }

  RepositoryInADirectory repository_{Engine::sqlite};
  SqlitePlace place_;
  OpenSqliteFiles open_files_;
  const RestoreId restore_ = RestoreId(std::array<std::uint8_t, 16>{9});
  std::vector<std::string> steps_;
  RestoreUndo undo_;
  std::string fail_at_;
};

TEST_F(SqliteRestore, BringsBackTheSameBytesOwnerAndMode) {
  make_sqlite_file(database(), SqliteFileMode::wal, 3000, 1024);
  sqlite_query(database(), "CREATE TABLE hole(x); INSERT INTO hole VALUES(zeroblob(3000000)); SELECT 1");
  ::chmod(database().c_str(), 0640);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(database().c_str(), 33, 33), 0);  // www-data
  }
  const BackupRecord record = back_up();
  const auto target = restore(record, at("beside.db"), false);
  ASSERT_THAT(target, Succeeded());
  EXPECT_EQ(content_of(at("beside.db")), content_of(database()));
  struct stat is {};
  ::stat(at("beside.db").c_str(), &is);
  EXPECT_EQ(is.st_mode & 07777U, 0640U);
  if (::geteuid() == 0) {
    EXPECT_EQ(is.st_uid, 33U);
  }
  EXPECT_LT(target->bytes, fs::file_size(database()));  // zeros are not content
  EXPECT_EQ(target->aside, "");
}

TEST_F(SqliteRestore, BringsBackOneStateOfABusyDatabase) {
  make_sqlite_file(database(), SqliteFileMode::wal, 1000);
  BackupRecord record;
  {
    SqliteWriter writer(database());
    writer.wait_for_commits(50);
    record = back_up();
    writer.wait_for_commits(50);
  }
  ASSERT_THAT(restore(record, at("beside.db"), false), Succeeded());
  EXPECT_EQ(sqlite_query(at("beside.db"), "SELECT sum(balance) FROM account"), "100000");
}

TEST_F(SqliteRestore, InPlaceKeepsTheOldOneAside) {
  make_sqlite_file(database(), SqliteFileMode::wal, 100);
  const BackupRecord record = back_up();
  const std::string wanted = content_of(database());
  sqlite_query(database(), "DELETE FROM account; SELECT 1");
  std::ofstream(database() + "-wal") << "left by a crash";
  const auto target = restore(record, database(), true);
  ASSERT_THAT(target, Succeeded());
  EXPECT_EQ(content_of(database()), wanted);
  EXPECT_FALSE(fs::exists(database() + "-wal"));  // an old log must not be replayed into the restored file
  EXPECT_EQ(target->aside, aside_name(database(), restore_));
  EXPECT_EQ(content_of(target->aside + "-wal"), "left by a crash");
  EXPECT_THAT(steps_, testing::ElementsAre("checked", "setting aside", "complete"));
  // Rolling back later.
  ASSERT_THAT(undo_restore(undo_, {}, {}), Succeeded());
  EXPECT_NE(content_of(database()), wanted);
}

TEST_F(SqliteRestore, PutsTheOldOneBackWhenTheLastStepFails) {
  make_sqlite_file(database(), SqliteFileMode::rollback, 100);
  const BackupRecord record = back_up();
  sqlite_query(database(), "DELETE FROM account; SELECT 1");
  const std::string before = content_of(database());
  fail_at_ = "complete";
  EXPECT_THAT(restore(record, database(), true), FailedWith(Code::exhausted));
  EXPECT_EQ(content_of(database()), before);
  EXPECT_FALSE(fs::exists(aside_name(database(), restore_)));
}

TEST_F(SqliteRestore, RefusesAFileThatIsInUse) {
  make_sqlite_file(database(), SqliteFileMode::rollback, 100);
  const BackupRecord record = back_up();
  const std::string before = content_of(database());
  {
    SqliteWriter application(database());
    application.wait_for_commits(1);
    EXPECT_THAT(restore(record, database(), true), FailedWith(Code::conflict, "is open in"));
  }
  EXPECT_THAT(restore(record, database(), false), FailedWith(Code::conflict, "exists"));
}

TEST_F(SqliteRestore, TouchesNothingWhenTheBackupIsDamaged) {
  make_sqlite_file(database(), SqliteFileMode::rollback, 2000);
  const BackupRecord record = back_up();
  const std::string pack = repository_.store_path() + "/" + pack_name(record.database, record.backup, 0);
  {
    std::fstream file(pack, std::ios::in | std::ios::out | std::ios::binary);
    ASSERT_TRUE(file);
    file.seekp(5000);
    file.put('\x5a');
    file.put('\xa5');
  }
  const std::string before = content_of(database());
  EXPECT_THAT(restore(record, database(), true), FailedWith(Code::corrupt, "pack-0000"));
  EXPECT_EQ(content_of(database()), before);
  EXPECT_THAT(steps_, testing::ElementsAre("checked"));
  EXPECT_EQ(std::distance(fs::directory_iterator(place_.path()), fs::directory_iterator()), 1);
}

TEST_F(SqliteRestore, WorksWithStoreAndRecoveryKeyAlone) {
  make_sqlite_file(database(), SqliteFileMode::wal, 100);
  const BackupRecord record = back_up();
  BreakGlassRestore wanted;
  wanted.database = "orders";
  wanted.target_directory = at("restored.db");
  ASSERT_THAT(repository_.restore(wanted), Succeeded());
  EXPECT_EQ(content_of(at("restored.db")), content_of(database()));
  const auto opened = repository_.open();
  EXPECT_THAT(*describe_repository(*opened), testing::HasSubstr(record.backup.text()));
  EXPECT_EQ(opened->warning, "");
}

TEST_F(SqliteRestore, DoesNotBelieveAStoreOfAnotherFleet) {
  TestFleet other(2);
  const std::string key = at("other.key");
  ASSERT_THAT(write_key_file(repository_.files, repository_.entropy, key,
                             to_key_file(KeyKind::recovery, {}, other.recovery), std::nullopt),
              Succeeded());
  EXPECT_THAT(open_repository(repository_.files, repository_.copies(), key, std::nullopt), FailedWith(Code::denied));
  const std::string forged = at("forged.key");
  const KeyFacts facts{{"fleet", repository_.fleet.fleet.text()}, {"root", other.root.public_key.text()}};
  ASSERT_THAT(write_key_file(repository_.files, repository_.entropy, forged,
                             to_key_file(KeyKind::recovery, facts, repository_.fleet.recovery), std::nullopt),
              Succeeded());
  EXPECT_THAT(open_repository(repository_.files, repository_.copies(), forged, std::nullopt),
              FailedWith(Code::denied, "root key"));
}

TEST(ChooseBackup, TakesTheNewestThatEndsBeforeTheTarget) {
  std::vector<BackupRecord> backups(3);
  for (std::uint8_t i = 0; i < 3; ++i) {
    backups[i].backup = BackupId(std::array<std::uint8_t, 16>{i});
    backups[i].finished_at = Timestamp::from_micros(1000 * (i + 1));
    backups[i].stop_lsn = Lsn(100U * (i + 1));
  }
  RecoveryTarget target;
  EXPECT_EQ(choose_backup(backups, target, "")->backup, backups[2].backup);
  target.kind = TargetKind::time;
  target.time = Timestamp::from_micros(2500);
  EXPECT_EQ(choose_backup(backups, target, "")->backup, backups[1].backup);
  target.time = Timestamp::from_micros(999);
  EXPECT_THAT(choose_backup(backups, target, ""), FailedWith(Code::not_restorable, "first point"));
  target.kind = TargetKind::lsn;
  target.lsn = Lsn(200);
  EXPECT_EQ(choose_backup(backups, target, "")->backup, backups[1].backup);
  EXPECT_EQ(choose_backup(backups, target, backups[0].backup.text())->backup, backups[0].backup);
  EXPECT_THAT(choose_backup(backups, target, "ff"), FailedWith(Code::not_found));
  EXPECT_THAT(choose_backup(backups, target, "0"), FailedWith(Code::invalid, "more than one"));
  EXPECT_THAT(choose_backup({}, target, ""), FailedWith(Code::not_restorable));
}

}  // namespace
}  // namespace holdfast
