#include "agent/postgres/data_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "tests/harness/postgres_cluster.h"

namespace holdfast {
namespace {

constexpr const char* version_directory = "PG_15_202209061";

struct Case {
  const char* path;
  FileKind kind;
  Inclusion inclusion;
};

TEST(Inclusion, FollowsTheServersLists) {
  using enum Inclusion;
  const std::set<std::string, std::less<>> siblings = {"16500", "16500_init", "16500_fsm", "16500.1"};
  const Case cases[] = {
      {"PG_VERSION", FileKind::file, copy},
      {"global/pg_control", FileKind::file, copy},
      {"global/pg_filenode.map", FileKind::file, copy},
      {"postgresql.auto.conf", FileKind::file, copy},
      {"postgresql.auto.conf.tmp", FileKind::file, exclude},
      {"current_logfiles", FileKind::file, copy},
      {"current_logfiles.tmp", FileKind::file, exclude},
      {"postmaster.pid", FileKind::file, exclude},
      {"postmaster.opts", FileKind::file, exclude},
      {"backup_label", FileKind::file, exclude},
      {"backup_label.old", FileKind::file, copy},
      {"tablespace_map", FileKind::file, exclude},
      {"backup_manifest", FileKind::file, exclude},
      {"global/pg_internal.init", FileKind::file, exclude},
      {"base/5/pg_internal.init.4711", FileKind::file, exclude},
      {"base/pgsql_tmp", FileKind::directory, exclude},
      {"pg_tblspc/16400/PG_15_202209061/pgsql_tmp", FileKind::directory, exclude},
      {"base/5/pgsql_tmp123.0", FileKind::file, exclude},
      {"pg_wal", FileKind::directory, directory_only},
      {"pg_wal", FileKind::link, directory_only},
      {"pg_wal/archive_status", FileKind::directory, directory_only},
      {"pg_wal/summaries", FileKind::directory, directory_only},
      {"pg_wal/000000010000000000000001", FileKind::file, exclude},
      {"pg_wal/00000002.history", FileKind::file, exclude},
      {"pg_wal/archive_status/000000010000000000000001.ready", FileKind::file, exclude},
      {"pg_replslot", FileKind::directory, directory_only},
      {"pg_replslot/holdfast", FileKind::directory, exclude},
      {"pg_dynshmem", FileKind::directory, directory_only},
      {"pg_notify", FileKind::directory, directory_only},
      {"pg_serial", FileKind::directory, directory_only},
      {"pg_snapshots", FileKind::directory, directory_only},
      {"pg_stat_tmp", FileKind::directory, directory_only},
      {"pg_subtrans/0000", FileKind::file, exclude},
      {"pg_xact/0000", FileKind::file, copy},
      {"pg_multixact/members/0000", FileKind::file, copy},
      {"pg_stat/pgstat.stat", FileKind::file, copy},
      {"pg_logical/replorigin_checkpoint", FileKind::file, copy},
      {"base/5/16384", FileKind::file, copy},
      {"base/5/16384_fsm", FileKind::file, copy},
      {"base/5/t3_16384", FileKind::file, exclude},
      {"base/5/t3_16384_fsm.2", FileKind::file, exclude},
      {"base/5/t3", FileKind::file, copy},
      {"base/5/tx_16384", FileKind::file, copy},
      {"pg_xact/t3_16384", FileKind::file, copy},
      {"base/5/16500", FileKind::file, exclude},
      {"base/5/16500.1", FileKind::file, exclude},
      {"base/5/16500_fsm", FileKind::file, exclude},
      {"base/5/16500_init", FileKind::file, copy},
      {"pg_tblspc/16400/PG_15_202209061/5/16500", FileKind::file, exclude},
      {"pg_tblspc/16400/PG_15_202209061/5/16384", FileKind::file, copy},
      {"pg_tblspc/16400", FileKind::link, copy},
      {"pg_tblspc/16400", FileKind::directory, copy},
      {"pg_tblspc/16400/PG_14_202107181", FileKind::directory, exclude},
      {"pg_tblspc/16400/PG_15_202209061", FileKind::directory, copy},
      {"some.socket", FileKind::other, exclude},
      {"server.crt", FileKind::link, copy},
  };
  for (const auto& c : cases) {
    const auto decision = decide_inclusion(c.path, c.kind, siblings, version_directory);
    EXPECT_EQ(decision.inclusion, c.inclusion) << c.path;
    EXPECT_EQ(decision.reason.empty(), c.inclusion == copy) << c.path;
  }
}

TEST(RelationFiles, AreToldByPlaceAndName) {
  EXPECT_EQ(relation_file("base/5/16384"), (RelationFile{16384, Fork::main, 0}));
  EXPECT_EQ(relation_file("base/5/16384.2"), (RelationFile{16384, Fork::main, 2}));
  EXPECT_EQ(relation_file("global/1262_fsm"), (RelationFile{1262, Fork::fsm, 0}));
  EXPECT_EQ(relation_file("base/5/16384_vm.1"), (RelationFile{16384, Fork::visibility, 1}));
  EXPECT_EQ(relation_file("pg_tblspc/16400/PG_15_202209061/5/3_init"), (RelationFile{3, Fork::init, 0}));
  for (const char* path :
       {"global/pg_control", "base/5/PG_VERSION", "base/5/pg_filenode.map", "base/16384", "16384", "base/5/16384_other",
        "base/5/16384.", "base/5/16384.0x", "base/5/16384.0", "pg_xact/0000", "base/5/99999999999", "base/5/0001"}) {
    EXPECT_FALSE(relation_file(path)) << path;
  }
}

const DataFile* find(const DataDirectoryListing& listing, const std::string& path) {
  const auto found = std::ranges::find(listing.entries, path, &DataFile::path);
  return found == listing.entries.end() ? nullptr : &*found;
}

TEST(DataDirectoryWalk, FindsWhatABackupNeeds) {
  auto cluster = PostgresCluster::started().value();
  const auto place = OwnedDirectory::of(cluster.owner()).value();
  ASSERT_TRUE(cluster.sql("CREATE TABLESPACE side LOCATION '" + place.path() + "'").has_value());
  ASSERT_TRUE(cluster.sql("CREATE TABLE far TABLESPACE side AS SELECT generate_series(1, 10000) AS n").has_value());
  ASSERT_TRUE(cluster.sql("CREATE UNLOGGED TABLE light AS SELECT generate_series(1, 10) AS n").has_value());
  const std::string far = cluster.sql("SELECT pg_relation_filepath('far')").value();
  const std::string light = cluster.sql("SELECT pg_relation_filepath('light')").value();
  const std::string oid = cluster.sql("SELECT oid FROM pg_tablespace WHERE spcname = 'side'").value();
  ASSERT_TRUE(cluster.sql("CHECKPOINT").has_value());
  std::filesystem::create_directory(place.path() + "/PG_14_202107181");

  const auto walked = walk_data_directory(cluster.data_directory(), cluster.owner(), version_directory, StopToken());
  ASSERT_TRUE(walked.has_value()) << walked.error().text();
  ASSERT_NE(find(*walked, "global/pg_control"), nullptr);
  EXPECT_EQ(find(*walked, "global/pg_control")->size, 8192U);
  EXPECT_EQ(find(*walked, "global/pg_control")->owner, cluster.owner().name);
  EXPECT_EQ(find(*walked, "global/pg_control")->mode, 0600U);
  ASSERT_NE(find(*walked, far), nullptr);
  EXPECT_EQ(find(*walked, far)->size, std::stoull(cluster.sql("SELECT pg_relation_size('far')").value()));
  EXPECT_TRUE(find(*walked, far)->relation.has_value());
  EXPECT_EQ(find(*walked, light), nullptr);
  EXPECT_NE(find(*walked, light + "_init"), nullptr);
  EXPECT_EQ(find(*walked, "postmaster.pid"), nullptr);
  ASSERT_NE(find(*walked, "pg_wal/archive_status"), nullptr);
  ASSERT_NE(find(*walked, "pg_tblspc/" + oid), nullptr);
  EXPECT_EQ(find(*walked, "pg_tblspc/" + oid)->link_target, place.path());
  EXPECT_EQ(find(*walked, "pg_tblspc/" + oid + "/PG_14_202107181"), nullptr);
  ASSERT_EQ(walked->tablespaces.size(), 1U);
  EXPECT_EQ(walked->tablespaces[0], (TablespaceLink{static_cast<std::uint32_t>(std::stoul(oid)), place.path()}));
  EXPECT_TRUE(std::ranges::is_sorted(walked->entries, {}, &DataFile::path));
  for (const auto& entry : walked->entries) EXPECT_FALSE(entry.path.starts_with("pg_wal/0")) << entry.path;
}

TEST(DataDirectoryWalk, KeepsALinkedWalDirectoryAsADirectory) {
  const auto user = cluster_user().value();
  const auto place = OwnedDirectory::of(user).value();
  std::filesystem::create_directories(place.path() + "/data");
  std::filesystem::create_directories(place.path() + "/wal");
  std::ofstream(place.path() + "/wal/000000010000000000000001") << "x";
  std::filesystem::create_symlink(place.path() + "/wal", place.path() + "/data/pg_wal");
  const auto walked = walk_data_directory(place.path() + "/data", user, version_directory, StopToken()).value();
  ASSERT_EQ(walked.entries.size(), 1U);
  EXPECT_EQ(walked.entries[0].kind, FileKind::directory);
  EXPECT_EQ(walked.entries[0].path, "pg_wal");
}

TEST(DataDirectoryWalk, StopsWhenAsked) {
  const auto cluster = PostgresCluster::create({}).value();
  const StopToken stop;
  stop.request_stop();
  EXPECT_EQ(walk_data_directory(cluster.data_directory(), cluster.owner(), version_directory, stop).error().code,
            Code::cancelled);
}

TEST(DataDirectoryWalk, OfAMissingDirectoryFails) {
  EXPECT_EQ(walk_data_directory("/nowhere", cluster_user().value(), version_directory, StopToken()).error().code,
            Code::not_found);
}

}  // namespace
}  // namespace holdfast
