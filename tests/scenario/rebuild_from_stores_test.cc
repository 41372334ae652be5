// The coordinator's directory is gone, and one of its stores cannot be read, or all there is is a bucket.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "shared/os/clock.h"
#include "shared/sqlite/connection.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/s3_server.h"
#include "tests/scenario/coordinator_loss.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class RebuildFromStores : public CoordinatorLoss {
 protected:
  // With its copies in all these stores.
  void protect_a_file(const std::string& stores) {
    const std::string policy = fleet_->path("everywhere.yaml");
    std::ofstream(policy) << "apiVersion: holdfast/v1\nkind: Policy\nname: everywhere\nmatch: {fleet: demo}\n"
                          << "schedule: {full: \"0 3 1 1 *\"}\n"
                          << stores;
    const auto applied = fleet_->cli({"policy", "apply", "-f", policy});
    ASSERT_EQ(applied.exit_code, 0) << applied.err;
    files::create_directory(directory_);
    auto app = SqliteConnection::open(directory_ + "/app.data", SqliteOpen::create, std::chrono::seconds(5)).value();
    ASSERT_THAT(app.execute("CREATE TABLE t (id INTEGER PRIMARY KEY); INSERT INTO t VALUES (1), (2), (3)"),
                Succeeded());
    fleet_.add_host("files-host", {directory_});
    database_ = fleet_.protected_database();
    ASSERT_FALSE(database_.empty());
  }
  void back_up() {
    const auto taken = fleet_->cli({"backup", "create", database_});
    ASSERT_EQ(taken.exit_code, 0) << taken.err;
  }
  void restore_and_compare() {
    ASSERT_TRUE(Fleet::eventually([&] { return fleet_.node("files-host").value("state", "") == "active"; }))
        << fleet_->logs();
    {
      auto app = SqliteConnection::open(directory_ + "/app.data", SqliteOpen::read_write, std::chrono::seconds(5));
      ASSERT_THAT(app, Succeeded());
      ASSERT_THAT(app->execute("DELETE FROM t"), Succeeded());
    }
    const auto restored = fleet_.restore({database_, "--backup", complete_backups().front()});
    ASSERT_EQ(restored.exit_code, 0) << restored.err << fleet_->logs();
    auto app = SqliteConnection::open(directory_ + "/app.data", SqliteOpen::read_write, std::chrono::seconds(5));
    auto count = app->prepare("SELECT count(*) FROM t").value();
    ASSERT_TRUE(count.step().value());
    EXPECT_EQ(count.integer(0), 3);
  }

  std::string database_;
};

TEST_F(RebuildFromStores, GoesOnWithTheOtherWhenOneOfThoseGivenCannotBeReadAndSaysSo) {
  const std::string local = fleet_->store();
  const std::string offsite = fleet_->path("offsite");
  ASSERT_EQ(fleet_->cli({"store", "add", "offsite", "posix", "--path", offsite}).exit_code, 0);
  protect_a_file("copies: {want: 2, min: 2, stores: [local, offsite]}\n");
  back_up();
  const auto backups = complete_backups();
  ASSERT_EQ(backups.size(), 2U);
  wait_for_checkpoints([&] { return std::min(newest_checkpoint_in(local), newest_checkpoint_in(offsite)); });
  lose_the_coordinator();

  files::rename(local, local + ".away");
  const auto none = rebuild({local});
  EXPECT_NE(none.exit_code, 0) << none.text;
  EXPECT_FALSE(files::exists(state_));

  const auto rebuilt = rebuild({local, offsite});
  EXPECT_EQ(rebuilt.exit_code, 3) << "done, and not with everything that was given: " << rebuilt.text;
  EXPECT_TRUE(rebuilt.has("warning: store \"" + local + "\" cannot be read")) << rebuilt.text;
  EXPECT_TRUE(rebuilt.has("1 databases, 2 backups, 1 nodes")) << rebuilt.text;
  const auto meanwhile = check();
  EXPECT_EQ(meanwhile.exit_code, 3) << "it says what it could not look at: " << meanwhile.text;
  EXPECT_TRUE(meanwhile.has("store \"local\" cannot be read")) << meanwhile.text;

  fleet_->start_coordinator();
  EXPECT_EQ(complete_backups(), backups);
  restore_and_compare();

  files::rename(local + ".away", local);
  EXPECT_TRUE(Fleet::eventually([&] { return check().exit_code == 0; })) << check().text;
}

TEST_F(RebuildFromStores, DeepCheckNamesWhatIsMissingOnEitherSideAndWhatIsDamaged) {
  protect_a_file("");
  back_up();
  const std::string local = fleet_->store();
  ASSERT_TRUE(Fleet::eventually([&] { return check({"--deep"}).exit_code == 0; })) << check({"--deep"}).text;
  const auto backups = complete_backups();
  std::string folder;
  for (const auto& entry : files::recursive_directory_iterator(local)) {
    if (entry.path().filename() == backups.front()) folder = entry.path().string();
  }
  ASSERT_FALSE(folder.empty());

  const auto expect_named = [&](const std::string& what, const std::vector<std::string>& words) {
    const auto said = check({"--deep"});
    EXPECT_EQ(said.exit_code, 3) << what << ": " << said.text;
    for (const auto& word : words) EXPECT_TRUE(said.has(word)) << what << ": " << said.text;
  };
  // The catalog has it and the store has not.
  files::rename(folder + "/manifest", fleet_->path("manifest"));
  expect_named("a missing object", {"missing", backups.front(), "local"});
  files::rename(fleet_->path("manifest"), folder + "/manifest");
  files::rename(folder + "/record", fleet_->path("record"));
  expect_named("a missing record", {"missing", backups.front()});
  files::rename(fleet_->path("record"), folder + "/record");
  EXPECT_EQ(check({"--deep"}).exit_code, 0) << check({"--deep"}).text;

  // The store has it and the catalog has not.
  const std::string stray = files::path(folder).parent_path().string() + "/" + std::string(32, 'a');
  files::create_directory(stray);
  write_file(stray + "/pack-0000", "of a backup that was cut off");
  expect_named("an object without a record", {"unknown", std::string(32, 'a'), "1 objects without a record"});
  files::remove_all(stray);

  // Both have it, and it is not what it was.
  const std::string pack = folder + "/pack-0000";
  files::permissions(pack, files::perms::owner_write, files::perm_options::add);
  std::fstream(pack, std::ios::in | std::ios::out | std::ios::binary).seekp(60).write("x", 1);
  EXPECT_EQ(check().exit_code, 0) << "names and sizes do not show it";
  expect_named("a damaged object", {"damaged", "pack-0000", "local"});
}

TEST_F(RebuildFromStores, ComesOutOfABucketAlone) {
  const auto server = S3Server::from_environment();
  if (!server) GTEST_SKIP() << S3Server::missing();
  const std::string prefix = "fleet-" + std::to_string(SystemClock().now().micros());
  const std::string credentials = fleet_->path("s3.keys");
  const auto access = server->credentials();
  std::ofstream(credentials) << "[default]\naws_access_key_id = " << access.access_key_id
                             << "\naws_secret_access_key = " << as_text(access.secret_access_key.bytes()) << "\n";
  ASSERT_EQ(::chmod(credentials.c_str(), 0600), 0);
  const auto added = fleet_->cli({"store", "add", "far", "s3", "--endpoint", server->settings().endpoint, "--bucket",
                                  server->settings().bucket, "--prefix", prefix, "--credentials", credentials});
  ASSERT_EQ(added.exit_code, 0) << added.err;
  protect_a_file("copies: {want: 1, min: 1, stores: [far]}\n");
  back_up();
  const auto backups = complete_backups();
  S3Settings settings = server->settings();
  settings.prefix = prefix;
  const auto bucket = S3Store::open(settings, server->parts()).value();
  wait_for_checkpoints([&] {
    const std::string below = "coordinator/";
    std::uint64_t newest = 0;
    const auto objects = bucket->list(below).value();
    for (const ObjectInfo& object : objects) {
      newest = std::max(newest, checkpoint_sequence(object.name.substr(below.size())));
    }
    return newest;
  });
  lose_the_coordinator();
  files::remove_all(fleet_->store());

  const std::string place = "s3://" + server->settings().bucket + "/" + prefix +
                            "?endpoint=" + server->settings().endpoint + "&credentials=" + credentials;
  const auto wrong = rebuild({"s3://" + server->settings().bucket +
                              "/elsewhere?endpoint=" + server->settings().endpoint + "&credentials=" + credentials});
  EXPECT_NE(wrong.exit_code, 0) << wrong.text;
  EXPECT_FALSE(files::exists(state_));
  const auto rebuilt = rebuild({place});
  ASSERT_EQ(rebuilt.exit_code, 0) << rebuilt.text;
  EXPECT_TRUE(rebuilt.has("store \"local\" was not read")) << rebuilt.text;
  EXPECT_FALSE(rebuilt.has(std::string(as_text(access.secret_access_key.bytes()))));
  fleet_->start_coordinator();
  EXPECT_EQ(complete_backups(), backups);
  restore_and_compare();
}

}  // namespace
}  // namespace holdfast
