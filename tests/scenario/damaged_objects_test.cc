// A store that gives back something else than what was put into it: found and named by verification, refused by a
// restore, and never the end of the data that is still there.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <set>

#include "shared/os/clock.h"
#include "shared/postgres/wal_position.h"
#include "shared/repository/layout.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/postgres_cluster.h"
#include "tests/harness/result_matchers.h"
#include "tests/scenario/small_fleet.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

// Damages and heals again.
class Damage {
 public:
  enum class Kind : std::uint8_t { flipped, cut_short, swapped, missing };
  Damage(Kind kind, std::string object, std::string other) : object_(std::move(object)), other_(std::move(other)) {
    const std::string content = sound_ = read_file(object_);
    sound_other_ = read_file(other_);
    switch (kind) {
      case Kind::flipped:
        sound_[sound_.size() / 2] = static_cast<char>(sound_[sound_.size() / 2] ^ 0x10);
        replace(object_, sound_);
        sound_ = content;
        break;
      case Kind::cut_short:
        replace(object_, content.substr(0, content.size() / 2));
        break;
      case Kind::swapped:
        replace(object_, sound_other_);
        replace(other_, content);
        break;
      case Kind::missing:
        files::remove(object_);
        break;
    }
  }
  Damage(const Damage&) = delete;
  Damage& operator=(const Damage&) = delete;
  ~Damage() {
    replace(object_, sound_);
    replace(other_, sound_other_);
  }

 private:
  // Objects are read-only.
  static void replace(const std::string& path, const std::string& content) {
    files::remove(path);
    write_file(path, content);
  }
  std::string object_;
  std::string other_;
  std::string sound_;
  std::string sound_other_;
};

constexpr std::pair<Damage::Kind, const char*> damages[] = {{Damage::Kind::flipped, "one flipped bit"},
                                                            {Damage::Kind::cut_short, "cut short"},
                                                            {Damage::Kind::swapped, "swapped with another"},
                                                            {Damage::Kind::missing, "missing"}};

class DamagedObject : public testing::TestWithParam<std::string> {
 protected:
  DamagedObject() {
    sql("CREATE TABLE journal AS SELECT g AS id, md5(g::text) AS word FROM generate_series(1, 5000) g");
    fleet_.add_host("orders-host", {orders_.root()});
    first_ = fleet_->wait_for_backup();
    EXPECT_FALSE(first_.is_null());
    database_ = first_.value("database", "");
    const auto again = fleet_->cli({"backup", "create", database_});
    EXPECT_EQ(again.exit_code, 0) << again.err;
    for (const auto& backup : fleet_.list("backup")) {
      if (backup["id"] != first_["id"]) second_ = backup;
    }
    EXPECT_FALSE(second_.is_null());
  }
  void sql(const std::string& statement) const { EXPECT_THAT(orders_.sql(statement), Succeeded()) << statement; }
  DatabaseId database_id() const {
    return DatabaseId::parse(fleet_.list("database")[0]["id"].get<std::string>()).value();
  }
  // The name of this backup's object of the kind under test.
  std::string object_of(const nlohmann::json& backup) const {
    const auto id = BackupId::parse(backup["id"].get<std::string>()).value();
    if (GetParam() == "pack") return pack_name(database_id(), id, 0);
    if (GetParam() == "manifest") return manifest_name(database_id(), id);
    if (GetParam() == "record") return record_name(database_id(), id);
    return wal_of(backup);
  }
  std::string wal_of(const nlohmann::json& backup) const {
    const Lsn start = parse_lsn(backup["startLsn"].get<std::string>()).value();
    const Lsn stop = parse_lsn(backup["stopLsn"].get<std::string>()).value();
    const std::string prefix = wal_prefix(database_id(), Timeline(1));
    for (const auto& entry : files::directory_iterator(path_of(prefix))) {
      const auto name = parse_wal_name(prefix + entry.path().filename().string());
      if (name && name->first < stop && name->last > start) return prefix + entry.path().filename().string();
    }
    ADD_FAILURE() << "no WAL of the backup in the store";
    return {};
  }
  std::string path_of(const std::string& object) const { return store_ + "/" + object; }
  CliResult verify(const nlohmann::json& backup, const std::vector<std::string>& options = {}) const {
    std::vector<std::string> arguments{"backup", "verify", backup["id"]};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return const_cast<SmallFleet&>(fleet_)->cli(arguments);
  }
  CliResult verify_all_content(const nlohmann::json& backup) const {
    return verify(backup, {"--recovery-key", const_cast<SmallFleet&>(fleet_)->recovery_key()});
  }

  PostgresCluster orders_ = PostgresCluster::started({.page_checksums = PageChecksums::on}).value();
  SmallFleet fleet_;
  const std::string store_ = fleet_->store();
  std::string database_;
  nlohmann::json first_;
  nlohmann::json second_;
};

TEST_P(DamagedObject, IsNamedByVerificationAndKeepsARestoreFromReplacingWhatIsThere) {
  sql("INSERT INTO journal VALUES (0, 'after both backups')");
  const std::string object = object_of(first_);
  const std::string other = object_of(second_);
  ASSERT_NE(object, other);
  for (const auto& [kind, what] : damages) {
    SCOPED_TRACE(what);
    const Damage damage(kind, path_of(object), path_of(other));
    // Where the log lay in objects is not known any more when one is gone: the positions are named.
    const bool no_log = GetParam() == "wal" && kind == Damage::Kind::missing;
    const std::string named = no_log ? "WAL of timeline 1 is missing from " : object;
    for (const auto& verified : {verify(first_), verify_all_content(first_)}) {
      EXPECT_EQ(verified.exit_code, 1) << verified.err << verified.out;
      EXPECT_NE(verified.err.find(named), std::string::npos) << "the object is not named: " << verified.err;
    }
    const auto restored = fleet_.restore({database_, "--backup", first_["id"]});
    EXPECT_EQ(restored.exit_code, no_log ? 7 : 1) << restored.err;
    // A manifest or record is met before anything is touched, the others when the old files are set aside already.
    ASSERT_THAT(orders_.wait_for("SELECT pg_is_in_recovery()", "f"), Succeeded());
    EXPECT_EQ(orders_.sql("SELECT count(*) FROM journal").value_or(""), "5001") << restored.err;
    for (const auto& entry : files::directory_iterator(orders_.root())) {
      EXPECT_EQ(entry.path().string().find(".holdfast-before"), std::string::npos) << entry.path();
    }
  }
  // Nothing of that stays: the same objects, sound again, verify, and the other backup does all the time.
  for (const auto& backup : {first_, second_}) {
    EXPECT_EQ(verify(backup).exit_code, 0);
    EXPECT_EQ(verify_all_content(backup).exit_code, 0);
  }
  EXPECT_TRUE(fleet_.list("backup")[0]["verifiedAt"].is_string());
}

TEST_P(DamagedObject, LeavesTheOtherBackupUsable) {
  const std::string object = object_of(first_);
  const std::string other = object_of(second_);
  files::remove(path_of(object));
  EXPECT_EQ(verify_all_content(first_).exit_code, 1);
  const auto verified = verify_all_content(second_);
  EXPECT_EQ(verified.exit_code, 0) << verified.err;
  sql("DROP TABLE journal");
  const auto restored = fleet_.restore({database_, "--backup", second_["id"]});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_EQ(orders_.sql("SELECT count(*) FROM journal WHERE word = md5(id::text)").value_or(""), "5000");
}

INSTANTIATE_TEST_SUITE_P(Of, DamagedObject, testing::Values("pack", "manifest", "record", "wal"),
                         [](const auto& parameter) { return parameter.param; });

std::set<std::string> wal_objects(const std::string& store) {
  std::set<std::string> paths;
  for (const auto& entry : files::recursive_directory_iterator(store)) {
    const std::string path = entry.path().string();
    if (entry.is_regular_file() && path.find("/wal/") != std::string::npos) paths.insert(path);
  }
  return paths;
}

TEST(LostEndOfTheLog, IsNeitherATimeNorTheLatestPoint) {
  SystemClock clock;
  PostgresCluster orders = PostgresCluster::started().value();
  SmallFleet fleet;
  ASSERT_THAT(orders.sql("CREATE TABLE journal (id int)"), Succeeded());
  fleet.add_host("orders-host", {orders.root()});
  const std::string database = fleet.protected_database();
  ASSERT_THAT(orders.sql("INSERT INTO journal VALUES (1)"), Succeeded());
  const Timestamp early = clock.now();
  ASSERT_TRUE(fleet.covered(database, early));
  const auto before = wal_objects(fleet->store());
  ASSERT_THAT(orders.sql("INSERT INTO journal VALUES (2)"), Succeeded());
  const Timestamp late = clock.now();
  ASSERT_TRUE(fleet.covered(database, late));
  // The coordinator was told that this is durable, and rightly so; then the store loses it.
  for (const auto& path : wal_objects(fleet->store())) {
    if (!before.contains(path)) files::remove(path);
  }
  for (const std::vector<std::string>& target :
       {std::vector<std::string>{"--latest"}, {"--to-time", to_rfc3339(late)}}) {
    std::vector<std::string> arguments{database};
    arguments.insert(arguments.end(), target.begin(), target.end());
    const auto refused = fleet.restore(arguments);
    EXPECT_EQ(refused.exit_code, 7) << refused.err << refused.out;
    EXPECT_EQ(orders.sql("SELECT count(*) FROM journal").value_or(""), "2") << "nothing was touched";
  }
  const auto restored = fleet.restore({database, "--to-time", to_rfc3339(early)});
  ASSERT_EQ(restored.exit_code, 0) << restored.err;
  EXPECT_EQ(orders.sql("SELECT count(*) FROM journal").value_or(""), "1");
}

// Two directories that are to hold the same; one of them loses all that the backups put there.
TEST(LostCopy, IsReadFromTheOtherStore) {
  PostgresCluster orders = PostgresCluster::started().value();
  SmallFleet fleet;
  ASSERT_EQ(fleet->cli({"store", "add", "second", "posix", "--path", fleet->path("second")}).exit_code, 0);
  const std::string policy = fleet->path("two-copies.yaml");
  write_file(policy,
             "apiVersion: holdfast/v1\nkind: Policy\nname: two\nmatch: {fleet: demo}\nwal: {rpo: 1s}\n"
             "copies: {want: 2, min: 2, stores: [local, second]}\n");
  const auto applied = fleet->cli({"policy", "apply", "-f", policy});
  ASSERT_EQ(applied.exit_code, 0) << applied.err;
  ASSERT_THAT(orders.sql("CREATE TABLE journal AS SELECT g AS id FROM generate_series(1, 5000) g"), Succeeded());
  const std::string directory = fleet->path("files");
  files::create_directory(directory);
  const std::string file = directory + "/app.data";
  {
    auto app = SqliteConnection::open(file, SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)"), Succeeded());
  }
  fleet.add_host("orders-host", {orders.root()});
  fleet.add_host("files-host", {directory});
  ASSERT_TRUE(Fleet::eventually([&] {
    const auto backups = fleet.list("backup");
    return backups.size() == 2 && backups[0]["state"] == "complete" && backups[1]["state"] == "complete";
  }));
  std::vector<std::string> packs;
  for (const auto& entry : files::recursive_directory_iterator(fleet->store())) {
    if (entry.path().filename().string().starts_with("pack-")) packs.push_back(entry.path());
  }
  ASSERT_GE(packs.size(), 2U);
  for (const auto& pack : packs) files::remove(pack);
  ASSERT_THAT(orders.sql("DROP TABLE journal"), Succeeded());
  for (const auto& backup : fleet.list("backup")) {
    SCOPED_TRACE(backup.dump());
    const auto restored = fleet.restore({backup["database"], "--backup", backup["id"]});
    EXPECT_EQ(restored.exit_code, 0) << restored.err;
    const auto verified = fleet->cli({"backup", "verify", backup["id"], "-o", "json"});
    EXPECT_EQ(verified.exit_code, 1) << verified.err;
    for (const auto& finding : verified.json()["items"][0]["verification"]["findings"]) {
      EXPECT_EQ(finding["store"], "local") << finding;
    }
    const auto now = fleet->query({"backup", "describe", backup["id"]});
    EXPECT_EQ(now["copies"][0]["state"], "damaged") << now;
    EXPECT_EQ(now["copies"][1]["state"], "ok") << now;
    // Known to be damaged by now: the plan says so, and the restore reads the whole one.
    const auto planned = fleet->cli({"restore", "plan", backup["database"], "--backup", backup["id"]});
    EXPECT_EQ(planned.exit_code, 0) << planned.err;
    EXPECT_NE(planned.err.find("in store \"local\" is not whole"), std::string::npos) << planned.out << planned.err;
    const auto again = fleet.restore({backup["database"], "--backup", backup["id"]});
    EXPECT_EQ(again.exit_code, 0) << again.err;
  }
  EXPECT_EQ(orders.sql("SELECT count(*) FROM journal").value_or(""), "5000");
  auto app = SqliteConnection::open(file, SqliteOpen::read_only, std::chrono::seconds(5)).value();
  auto count = app.prepare("SELECT count(*) FROM t").value();
  ASSERT_TRUE(count.step().value());
  EXPECT_EQ(count.integer(0), 2);
}

// The end of the log is what a restore to a time needs, and no backup is made of it: verification looks at it as well.
TEST(LogBehindTheBackup, IsVerifiedAndWhatIsMissingOrDamagedIsNamed) {
  SystemClock clock;
  PostgresCluster orders = PostgresCluster::started().value();
  SmallFleet fleet;
  ASSERT_THAT(orders.sql("CREATE TABLE journal (id int)"), Succeeded());
  fleet.add_host("orders-host", {orders.root()});
  const auto backup = fleet->wait_for_backup();
  ASSERT_FALSE(backup.is_null());
  std::set<std::string> before = wal_objects(fleet->store());
  std::vector<std::string> behind;  // objects of the log written after the backup, each later than the one before
  for (int row = 0; row < 3; ++row) {
    ASSERT_THAT(orders.sql("INSERT INTO journal VALUES (1)"), Succeeded());
    ASSERT_TRUE(fleet.covered(backup["database"], clock.now()));
    for (const auto& path : wal_objects(fleet->store())) {
      if (before.insert(path).second && (behind.empty() || path > behind.back())) behind.push_back(path);
    }
  }
  ASSERT_GE(behind.size(), 3U);
  const auto verify = [&] { return fleet->cli({"backup", "verify", backup["id"], "-o", "json"}); };
  const auto findings = [](const CliResult& result) { return result.json()["items"][0]["verification"]["findings"]; };
  const auto sound = verify();
  EXPECT_EQ(sound.exit_code, 0) << sound.err;
  EXPECT_TRUE(findings(sound).empty());

  const std::string lost = behind[behind.size() - 2];
  for (const auto& [kind, what] : damages) {
    if (kind == Damage::Kind::swapped) continue;
    SCOPED_TRACE(what);
    const Damage damage(kind, lost, behind.front());
    const auto result = verify();
    EXPECT_EQ(result.exit_code, 1) << result.err;
    const auto found = findings(result);
    ASSERT_EQ(found.size(), kind == Damage::Kind::missing ? 1U : 2U) << found;
    EXPECT_EQ(found[0]["store"], "local");
    const std::string object = found[0]["object"];
    EXPECT_NE(lost.find(object), std::string::npos) << object;
    const std::string gap = found.back()["problem"];
    EXPECT_NE(gap.find("WAL of timeline 1 is missing from "), std::string::npos) << gap;
    EXPECT_NE(result.err.find(gap), std::string::npos) << result.err;
    EXPECT_NE(fleet->cli({"backup", "verify", backup["id"]}).out.find(gap), std::string::npos) << "not in the table";
  }
  EXPECT_EQ(verify().exit_code, 0) << "it is healed";
}

TEST(DamagedPack, OfASqliteFileLeavesTheFileAsItIs) {
  SmallFleet fleet;
  const std::string directory = fleet->path("files");
  files::create_directory(directory);
  const std::string file = directory + "/app.data";
  // Closed again each time: a file that an application has open is refused for that reason.
  const auto execute = [&file](const char* statement) {
    auto app = SqliteConnection::open(file, SqliteOpen::create, std::chrono::seconds(5)).value();
    return app.execute(statement);
  };
  ASSERT_THAT(execute("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2)"), Succeeded());
  fleet.add_host("files-host", {directory});
  const auto backup = fleet->wait_for_backup();
  ASSERT_FALSE(backup.is_null());
  ASSERT_THAT(execute("INSERT INTO t VALUES (3)"), Succeeded());

  const auto id = BackupId::parse(backup["id"].get<std::string>()).value();
  const auto database = DatabaseId::parse(fleet.list("database")[0]["id"].get<std::string>()).value();
  const std::string object = pack_name(database, id, 0);
  const std::string pack = fleet->store() + "/" + object;
  const auto before = everything_in(directory);
  for (const auto& [kind, what] : damages) {
    SCOPED_TRACE(what);
    const Damage damage(kind, pack, fleet->store() + "/" + manifest_name(database, id));
    const auto verified = fleet->cli({"backup", "verify", id.text()});
    EXPECT_EQ(verified.exit_code, 1);
    EXPECT_NE(verified.err.find(object), std::string::npos) << verified.err;
    const auto restored = fleet.restore({backup["database"], "--latest"});
    EXPECT_EQ(restored.exit_code, 1) << restored.err;
    EXPECT_EQ(everything_in(directory), before);
  }
}

}  // namespace
}  // namespace holdfast
