#include "agent/postgres/base_backup.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "shared/os/clock.h"
#include "tests/agent/postgres/endpoint_of.h"
#include "tests/agent/postgres/repository_fixture.h"
#include "tests/agent/postgres/restored_cluster.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

class BaseBackups : public ::testing::Test {
 protected:
  BaseBackupRequest request_for(const PostgresCluster& cluster) {
    BaseBackupRequest request;
    request.endpoint = endpoint_of(cluster);
    request.data_directory = cluster.data_directory();
    request.database = repository_.database;
    request.backup = repository_.entropy.id<BackupId>();
    request.workers = 3;
    request.limits = {.span = 1U << 20U, .bundle = 256U << 10U};
    return request;
  }
  BackupWriter writer_for(const BaseBackupRequest& request) {
    return {repository_.fleet,
            repository_.database,
            request.backup,
            *repository_.epoch,
            repository_.stores,
            repository_.entropy,
            {}};
  }
  BackupReader read(BackupWriter& writer, const BaseBackupResult& result) {
    BackupRecord record;
    describe(result, record);
    const auto finished = writer.finish(record, repository_.signer);
    EXPECT_TRUE(finished.has_value()) << finished.error().text();
    auto reader = BackupReader::open(repository_.stores, record, repository_.keys);
    EXPECT_TRUE(reader.has_value()) << reader.error().text();
    return std::move(*reader);
  }

  RepositoryFixture repository_;
  SystemClock clock_;
  StopToken stop_;
};

TEST_F(BaseBackups, OfABusyClusterStartsAndHasEveryRow) {
  PostgresCluster::Options options;
  options.page_checksums = PageChecksums::on;
  options.settings = {"wal_keep_size = 1GB"};
  auto cluster = PostgresCluster::started(options).value();
  const auto place = OwnedDirectory::of(cluster.owner()).value();
  ASSERT_TRUE(cluster.sql("CREATE TABLESPACE side LOCATION '" + place.path() + "'").has_value());
  ASSERT_TRUE(cluster
                  .sql("CREATE TABLE far TABLESPACE side AS SELECT n, md5(n::text) AS t FROM generate_series(1, "
                       "30000) AS n")
                  .has_value());
  auto pgbench = cluster.connection_arguments();
  pgbench.insert(pgbench.end(), {"-i", "-s", "2", "-q", "postgres"});
  ASSERT_TRUE(cluster.run_program("pgbench", pgbench).has_value());

  auto request = request_for(cluster);
  std::jthread load;
  request.started = [&] {
    load = std::jthread([&cluster] {
      auto arguments = cluster.connection_arguments();
      arguments.insert(arguments.end(), {"-n", "-c", "2", "-t", "300", "postgres"});
      EXPECT_TRUE(cluster.run_program("pgbench", arguments).has_value());
    });
  };
  Lsn waited_for;
  request.wait_for_wal = [&](Timeline timeline, Lsn, Lsn position) -> Result<> {
    EXPECT_EQ(timeline, Timeline(1));
    waited_for = position;
    return {};
  };
  auto writer = writer_for(request);
  const auto result = run_base_backup(request, writer, clock_, stop_);
  ASSERT_TRUE(result.has_value()) << result.error().text();
  load.join();
  EXPECT_EQ(waited_for, result->stop);
  EXPECT_GT(result->stop, result->start);
  EXPECT_EQ(result->findings.bad, 0U);
  EXPECT_GT(result->findings.pages, 3000U);
  EXPECT_EQ(result->page_checksums, PageChecksums::on);
  EXPECT_EQ(fmt::format("{}", result->system_id),
            cluster.sql("SELECT system_identifier FROM pg_control_system()").value());

  const BackupReader reader = read(writer, *result);
  EXPECT_TRUE(std::ranges::is_sorted(reader.manifest().files, {}, &ManifestFile::path));
  ASSERT_EQ(reader.manifest().tablespaces.size(), 1U);
  const std::uint32_t oid = reader.manifest().tablespaces[0].oid;
  const auto target = OwnedDirectory::of(cluster.owner()).value();
  const auto side = OwnedDirectory::of(cluster.owner()).value();
  const std::string data = target.path() + "/data";
  write_restored(reader, data, cluster.owner(), {{oid, side.path()}});
  // All the log there is: with it the copy ends where the original is now.
  ASSERT_TRUE(cluster.stop().has_value());
  for (const auto& entry : files::directory_iterator(cluster.data_directory() + "/pg_wal")) {
    if (!entry.is_regular_file()) continue;
    const std::string copy = data + "/pg_wal/" + entry.path().filename().string();
    files::copy_file(entry.path(), copy);
    ASSERT_EQ(::chown(copy.c_str(), cluster.owner().uid, cluster.owner().gid), 0);
  }
  auto restored = PostgresCluster::adopt(data).value();
  const auto started = restored.start();
  ASSERT_TRUE(started.has_value()) << started.error().text();
  ASSERT_TRUE(cluster.start().has_value());
  for (const char* question :
       {"SELECT count(*), sum(abalance) FROM pgbench_accounts", "SELECT count(*), sum(delta) FROM pgbench_history",
        "SELECT count(*), md5(string_agg(t, '' ORDER BY n)) FROM far"}) {
    EXPECT_EQ(restored.sql(question).value(), cluster.sql(question).value()) << question;
  }
  EXPECT_EQ(restored.sql("SELECT count(*) FROM pgbench_history").value(), "600");
  auto amcheck = restored.connection_arguments();
  amcheck.insert(amcheck.end(), {"--install-missing", "--heapallindexed", "postgres"});
  const auto checked = restored.run_program("pg_amcheck", amcheck);
  EXPECT_TRUE(checked.has_value()) << checked.error().text();
  ASSERT_TRUE(restored.stop().has_value());
  const auto sums = restored.run_program("pg_checksums", {"--check", "-D", data});
  EXPECT_TRUE(sums.has_value()) << sums.error().text();
}

TEST_F(BaseBackups, ReportABadPageAndComplete) {
  PostgresCluster::Options options;
  options.page_checksums = PageChecksums::on;
  auto cluster = PostgresCluster::started(options).value();
  ASSERT_TRUE(cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 50000) AS n").has_value());
  const std::string path = cluster.sql("SELECT pg_relation_filepath('t')").value();
  ASSERT_TRUE(cluster.stop().has_value());
  {
    std::fstream file(cluster.data_directory() + "/" + path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(150 * page_size + 5000);
    file.put('\x5A');
  }
  ASSERT_TRUE(cluster.start().has_value());
  const auto request = request_for(cluster);
  auto writer = writer_for(request);
  const auto result = run_base_backup(request, writer, clock_, stop_);
  ASSERT_TRUE(result.has_value()) << result.error().text();
  EXPECT_EQ(result->findings.bad, 1U);
  EXPECT_THAT(result->findings.bad_list, ::testing::ElementsAre(path + " block 150"));

  auto unchecked = request_for(cluster);
  unchecked.page_check = PageCheck::skip;
  auto next = writer_for(unchecked);
  const auto without = run_base_backup(unchecked, next, clock_, stop_);
  ASSERT_TRUE(without.has_value()) << without.error().text();
  EXPECT_EQ(without->findings.bad, 0U);
  BackupRecord record;
  describe(*without, record);
  EXPECT_FALSE(record.pages_checked);
}

TEST_F(BaseBackups, EndWhenAStopIsRequested) {
  auto cluster = PostgresCluster::started().value();
  auto request = request_for(cluster);
  request.started = [this] { stop_.request_stop(); };
  auto writer = writer_for(request);
  const auto result = run_base_backup(request, writer, clock_, stop_);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::cancelled);
  // The session is gone, and the backup mode with it.
  EXPECT_TRUE(
      cluster.wait_for("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'holdfast backup'", "0"));
}

TEST_F(BaseBackups, FailWhenTheSessionIsLost) {
  auto cluster = PostgresCluster::started().value();
  auto request = request_for(cluster);
  request.started = [&cluster] {
    EXPECT_TRUE(cluster
                    .sql("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = "
                         "'holdfast backup'")
                    .has_value());
  };
  auto writer = writer_for(request);
  const auto result = run_base_backup(request, writer, clock_, stop_);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::unavailable);
}

TEST_F(BaseBackups, OfAStandbyThatIsPromotedMeanwhileFailAndTheNextOneIsGood) {
  auto primary = PostgresCluster::started().value();
  ASSERT_TRUE(primary.sql("CREATE TABLE t AS SELECT generate_series(1, 5000) AS n").has_value());
  auto standby = PostgresCluster::standby_of(primary).value();
  ASSERT_TRUE(standby.wait_for("SELECT count(*) FROM t", "5000"));
  auto request = request_for(standby);
  request.started = [&standby] { EXPECT_TRUE(standby.promote().has_value()); };
  {
    auto writer = writer_for(request);
    const auto result = run_base_backup(request, writer, clock_, stop_);
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, Code::conflict);
    EXPECT_THAT(result.error().message, ::testing::HasSubstr("promoted"));
  }
  ASSERT_TRUE(standby.append_config("wal_keep_size = 1GB").has_value());
  ASSERT_TRUE(standby.reload().has_value());
  ASSERT_TRUE(standby.sql("INSERT INTO t VALUES (5001)").has_value());
  request = request_for(standby);
  auto writer = writer_for(request);
  const auto result = run_base_backup(request, writer, clock_, stop_);
  ASSERT_TRUE(result.has_value()) << result.error().text();
  EXPECT_EQ(result->timeline, Timeline(2));
  const auto target = OwnedDirectory::of(standby.owner()).value();
  const std::string data = target.path() + "/data";
  write_restored(read(writer, *result), data, standby.owner(), {});
  ASSERT_TRUE(standby.stop().has_value());
  for (const auto& entry : files::directory_iterator(standby.data_directory() + "/pg_wal")) {
    if (!entry.is_regular_file()) continue;
    const std::string copy = data + "/pg_wal/" + entry.path().filename().string();
    files::copy_file(entry.path(), copy);
    ASSERT_EQ(::chown(copy.c_str(), standby.owner().uid, standby.owner().gid), 0);
  }
  auto restored = PostgresCluster::adopt(data).value();
  const auto started = restored.start();
  std::ifstream log(restored.log_file());
  ASSERT_TRUE(started.has_value()) << started.error().text() << log.rdbuf();
  EXPECT_EQ(restored.sql("SELECT count(*) FROM t").value_or("?"), "5001");
}

TEST_F(BaseBackups, OfAStandbyThatFollowsItsPrimaryOntoAnotherTimelineFail) {
  auto primary = PostgresCluster::started().value();
  ASSERT_TRUE(primary.sql("CREATE TABLE t AS SELECT generate_series(1, 5000) AS n").has_value());
  auto next = PostgresCluster::standby_of(primary).value();
  ASSERT_TRUE(next.wait_for("SELECT count(*) FROM t", "5000"));
  auto standby = PostgresCluster::standby_of(next).value();
  ASSERT_TRUE(standby.wait_for("SELECT count(*) FROM t", "5000"));
  auto request = request_for(standby);
  request.started = [&] {
    EXPECT_TRUE(next.promote());
    EXPECT_TRUE(next.sql("INSERT INTO t VALUES (5001)"));
    EXPECT_TRUE(standby.wait_for("SELECT count(*) FROM t", "5001"));
    EXPECT_TRUE(standby.sql("CHECKPOINT"));
  };
  auto writer = writer_for(request);
  const auto result = run_base_backup(request, writer, clock_, stop_);
  ASSERT_FALSE(result.has_value()) << "of its log a part would be on a timeline that is not the backup's";
  EXPECT_EQ(result.error().code, Code::conflict);
  EXPECT_THAT(result.error().message, ::testing::HasSubstr("followed its primary from timeline 1 to 2"));
}

TEST_F(BaseBackups, FailWhenTheLogDoesNotBecomeDurable) {
  auto cluster = PostgresCluster::started().value();
  auto request = request_for(cluster);
  request.wait_for_wal = [](Timeline, Lsn, Lsn) -> Result<> { return fail(Code::timed_out, "the store is away"); };
  auto writer = writer_for(request);
  const auto result = run_base_backup(request, writer, clock_, stop_);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().code, Code::timed_out);
  EXPECT_THAT(result.error().message, ::testing::HasSubstr("the store is away"));
}

// --- files that change under the copier
class FileCopying : public BaseBackups {
 protected:
  void SetUp() override {
    owner_ = cluster_user().value();
    place_ = std::make_unique<OwnedDirectory>(OwnedDirectory::of(owner_).value());
  }
  void add(const std::string& name, std::size_t size_then, std::optional<std::size_t> size_now) {
    if (size_now) std::ofstream(place_->path() + "/" + name, std::ios::binary) << std::string(*size_now, 'x');
    DataFile file;
    file.path = name;
    file.size = size_then;
    entries_.push_back(file);
  }
  Result<FileCopier::Outcome> copy() {
    FileCopier copier({place_->path(), owner_, &entries_, &taken_over_, PageChecksums::off, Lsn(), stop_});
    BaseBackupRequest request;
    request.backup = repository_.entropy.id<BackupId>();
    auto writer = writer_for(request);
    auto worker = writer.worker();
    const CopyPlanLimits limits{.span = 4 * page_size, .bundle = 2 * page_size};
    for (const auto& unit : units_.empty() ? plan_copy(entries_, "", limits) : units_) {
      TRY(copier.copy(unit, worker));
    }
    TRY(worker.finish());
    return copier.finish();
  }
  static std::uint64_t pages_of(const CopiedFile& file) {
    std::uint64_t pages = 0;
    for (const auto& extent : file.extents) pages += extent.pages;
    return pages;
  }
  OsUser owner_;
  std::unique_ptr<OwnedDirectory> place_;
  std::vector<DataFile> entries_;
  std::map<std::size_t, TakenOver> taken_over_;
  std::vector<CopyUnit> units_;  // empty: as planned
};

TEST_F(FileCopying, LeavesOutWhatHasVanished) {
  add("gone", 100, std::nullopt);
  add("gone_big", 10 * page_size, std::nullopt);
  add("there", 100, 100);
  const auto outcome = copy();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
  EXPECT_TRUE(outcome->files[0].vanished);
  EXPECT_TRUE(outcome->files[1].vanished);
  EXPECT_FALSE(outcome->files[2].vanished);
  EXPECT_EQ(outcome->files[2].size, 100U);
}

TEST_F(FileCopying, RecordsTheSizeThatWasRead) {
  add("shrunk", 10 * page_size, 5 * page_size);
  add("grown", 2 * page_size, 9 * page_size);
  add("odd", 3 * page_size + 5, 3 * page_size + 5);
  add("emptied", 6 * page_size, 0);
  const auto outcome = copy();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
  EXPECT_EQ(outcome->files[0].size, 5 * page_size);
  EXPECT_EQ(pages_of(outcome->files[0]), 5U);
  EXPECT_EQ(outcome->files[1].size, 2 * page_size);
  EXPECT_EQ(outcome->files[2].size, 3 * page_size + 5);
  EXPECT_EQ(pages_of(outcome->files[2]), 4U);
  EXPECT_EQ(outcome->files[3].size, 0U);
  EXPECT_TRUE(outcome->files[3].extents.empty());
}

TEST_F(FileCopying, StoresNoPageOfZeros) {
  std::string content(7 * page_size + 10, '\0');
  content[2 * page_size + 5] = 'x';
  content[3 * page_size] = 'y';
  content[7 * page_size] = '\0';  // less than a page: kept as it is
  add("holes", content.size(), 0);
  std::ofstream(place_->path() + "/holes", std::ios::binary) << content;
  add("zeros", 3 * page_size, 0);
  std::ofstream(place_->path() + "/zeros", std::ios::binary) << std::string(3 * page_size, '\0');
  const auto outcome = copy();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
  ASSERT_EQ(outcome->files[0].extents.size(), 2U);
  EXPECT_EQ(outcome->files[0].extents[0].first_page, 2U);
  EXPECT_EQ(outcome->files[0].extents[0].pages, 2U);
  EXPECT_EQ(outcome->files[0].extents[1].first_page, 7U);
  EXPECT_NE(outcome->files[0].extents[1].frame, outcome->files[0].extents[0].frame) << "spans of their own";
  EXPECT_EQ(outcome->files[0].size, content.size());
  EXPECT_TRUE(outcome->files[1].extents.empty());
  EXPECT_EQ(outcome->files[1].size, 3 * page_size);
}

TEST_F(FileCopying, TakesASmallFileOverThatIsAsItWas) {
  add("same", 100, 100);
  add("other", 100, 100);
  const std::string before(100, 'x');
  const Extent extent{0, 1, 7, 33};
  taken_over_[0].known[0] = {100, content_hash(as_bytes(before)), {extent}};
  taken_over_[1].known[0] = {100, content_hash(as_bytes(std::string(100, 'z'))), {extent}};
  const auto outcome = copy();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
  EXPECT_THAT(outcome->files[0].extents, ::testing::ElementsAre(extent));
  EXPECT_EQ(outcome->files[0].hash, content_hash(as_bytes(before)));
  ASSERT_EQ(outcome->files[1].extents.size(), 1U);
  EXPECT_NE(outcome->files[1].extents[0], extent);
}

TEST_F(FileCopying, CutsWhatItTakesOverWhereTheFileEndsNow) {
  add("cut", 10 * page_size, 4 * page_size);
  add("whole", 10 * page_size, 10 * page_size);
  for (const std::size_t entry : {0U, 1U}) taken_over_[entry].kept = {{0, 2, 7, 0}, {3, 6, 7, 99}};
  units_ = {{{0, 2 * page_size, page_size}, {0, 9 * page_size, page_size}}, {{1, 2 * page_size, page_size}}};
  const auto outcome = copy();
  ASSERT_TRUE(outcome.has_value()) << outcome.error().text();
  EXPECT_EQ(outcome->files[0].size, 4 * page_size);
  ASSERT_EQ(outcome->files[0].extents.size(), 3U);
  EXPECT_EQ(outcome->files[0].extents[2], (Extent{3, 1, 7, 99}));
  EXPECT_EQ(outcome->files[1].size, 10 * page_size);
  ASSERT_EQ(outcome->files[1].extents.size(), 3U);
  EXPECT_EQ(outcome->files[1].extents[1].first_page, 2U);
  EXPECT_EQ(outcome->files[1].extents[2], (Extent{3, 6, 7, 99}));
}

TEST_F(FileCopying, FollowsNoLinkThatAppears) {
  std::filesystem::create_symlink("/etc/shadow", place_->path() + "/swapped");
  DataFile file;
  file.path = "swapped";
  file.size = 100;
  entries_.push_back(file);
  EXPECT_FALSE(copy().has_value());
}

}  // namespace
}  // namespace holdfast
