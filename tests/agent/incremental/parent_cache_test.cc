#include "agent/incremental/parent_cache.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include "shared/os/posix_file_system.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

class ParentBackups : public testing::Test {
 protected:
  struct Parent {
    ParentBackup backup;
    Bytes encoded;
  };
  Parent parent(BackupType type, const std::string& path) {
    Parent out;
    ParentBackup& backup = out.backup;
    backup.record.fleet = fleet_.fleet;
    backup.record.database = fleet_.database;
    backup.record.node = fleet_.node;
    backup.record.backup = fleet_.entropy.id<BackupId>();
    backup.record.type = type;
    backup.record.epoch = fleet_.epoch.key.id;
    backup.record.start_lsn = Lsn(77);
    backup.manifest.database = fleet_.database;
    backup.manifest.backup = backup.record.backup;
    backup.manifest.packs = {{backup.record.backup, 0, fleet_.epoch.key.id}};
    backup.manifest.frames = {{0, 0, 0, 200, 8192, FrameEnd::last, content_hash(as_bytes("x"))}};
    ManifestFile file;
    file.path = path;
    file.size = 8192;
    file.extents = {{0, 1, 0, 0}};
    backup.manifest.files = {file};
    backup.traits = {SystemId(7), 15, 1300, 202209061, PageChecksums::on, 8192, 131072};
    backup.small_files.emplace(path, content_hash(as_bytes("y")));
    out.encoded = encode_parent(backup, encode_record(backup.record, fleet_.signer));
    return out;
  }
  Result<std::optional<ParentBackup>> load(BackupType asked) {
    return cache_.load(fleet_.database, asked, fleet_.signer.public_key);
  }

  TestFleet fleet_;
  TemporaryDirectory place_;
  PosixFileSystem files_;
  ParentCache cache_{files_, place_.path() + "/parents"};
};

TEST_F(ParentBackups, ComeBackAsTheyWere) {
  const Parent full = parent(BackupType::full, "base/1/2");
  ASSERT_THAT(cache_.save(fleet_.database, BackupType::full, full.encoded), Succeeded());
  const auto loaded = load(BackupType::incremental);
  ASSERT_THAT(loaded, Succeeded());
  ASSERT_TRUE(loaded->has_value());
  EXPECT_EQ((*loaded)->record, full.backup.record);
  EXPECT_EQ((*loaded)->manifest, full.backup.manifest);
  EXPECT_EQ((*loaded)->small_files, full.backup.small_files);
  EXPECT_EQ((*loaded)->traits, full.backup.traits);
  struct stat info {};
  ASSERT_EQ(::stat((place_.path() + "/parents/" + fleet_.database.text() + "/newest").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777U, 0600U) << "it names every file of the database";
}

TEST_F(ParentBackups, AreTheNewestOrTheNewestFullOne) {
  EXPECT_FALSE(load(BackupType::incremental).value().has_value());
  const Parent full = parent(BackupType::full, "a");
  const Parent incremental = parent(BackupType::incremental, "b");
  ASSERT_THAT(cache_.save(fleet_.database, BackupType::full, full.encoded), Succeeded());
  ASSERT_THAT(cache_.save(fleet_.database, BackupType::incremental, incremental.encoded), Succeeded());
  EXPECT_EQ(load(BackupType::incremental)->value().record.backup, incremental.backup.record.backup);
  EXPECT_EQ(load(BackupType::differential)->value().record.backup, full.backup.record.backup);
}

TEST_F(ParentBackups, ThatAreDamagedOrForeignAreNotTrusted) {
  const Parent full = parent(BackupType::full, "a");
  for (std::size_t at = 0; at < full.encoded.size(); at += 7) {
    Bytes damaged = full.encoded;
    damaged[at] ^= 0x20U;
    EXPECT_FALSE(decode_parent(damaged, fleet_.signer.public_key)) << at;
    EXPECT_FALSE(decode_parent(ByteView(full.encoded).first(at), fleet_.signer.public_key)) << at;
  }
  EXPECT_THAT(decode_parent(full.encoded, make_sign_key(fleet_.entropy).public_key), FailedWith(Code::denied, ""));
}

}  // namespace
}  // namespace holdfast
