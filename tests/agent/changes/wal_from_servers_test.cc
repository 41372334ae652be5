// Judged from outside: real WAL of every major version, against the pages themselves.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/changes/wal_page.h"
#include "tests/agent/changes/recorded_wal.h"
#include "tests/harness/result_matchers.h"

namespace holdfast {
namespace {

namespace files = std::filesystem;

struct DataFile {
  std::string path;
  RelationFork relation;
  std::uint32_t first_block = 0;
};

// "16384", "16384_vm", "16384.1"; nullopt for every other name.
std::optional<DataFile> data_file(const files::path& path, std::uint32_t tablespace, std::uint32_t database) {
  const std::string name = path.filename();
  DataFile file{path, {tablespace, database, 0, Fork::main}, 0};
  const char* end = name.data() + name.size();
  auto [rest, problem] = std::from_chars(name.data(), end, file.relation.relation);
  if (problem != std::errc()) return std::nullopt;
  if (std::string_view(rest, end).starts_with("_vm")) {
    file.relation.fork = Fork::visibility;
    rest += 3;
  }
  std::uint32_t segment = 0;
  if (rest != end && *rest == '.') rest = std::from_chars(rest + 1, end, segment).ptr;
  if (rest != end || files::exists(path.parent_path() / (std::to_string(file.relation.relation) + "_init"))) {
    return std::nullopt;
  }
  file.first_block = segment * 131072;
  return file;
}

void add_data_files(const files::path& directory, std::uint32_t tablespace, std::vector<DataFile>& out) {
  for (const auto& database : files::directory_iterator(directory)) {
    std::uint32_t oid = 0;
    const std::string name = database.path().filename();
    if (std::from_chars(name.data(), name.data() + name.size(), oid).ec != std::errc()) continue;
    for (const auto& entry : files::directory_iterator(database.path())) {
      if (auto file = data_file(entry.path(), tablespace, oid)) out.push_back(*file);
    }
  }
}

std::vector<DataFile> data_files(const std::string& data_directory) {
  std::vector<DataFile> out;
  for (const auto& entry : files::directory_iterator(data_directory + "/global")) {
    if (auto file = data_file(entry.path(), 1664, 0)) out.push_back(*file);
  }
  add_data_files(data_directory + "/base", 1663, out);
  for (const auto& link : files::directory_iterator(data_directory + "/pg_tblspc")) {
    const auto oid = static_cast<std::uint32_t>(std::stoul(link.path().filename()));
    for (const auto& version : files::directory_iterator(link.path())) add_data_files(version.path(), oid, out);
  }
  return out;
}

struct Containment {
  std::size_t pages_in_range = 0;
  std::vector<std::string> missing;
};

// Every page whose LSN, the end of the record that changed it last, lies in (from, through] must be marked.
Containment check_pages(const std::string& data_directory, const SeenChanges& seen, Lsn from, Lsn through) {
  Containment result;
  for (const DataFile& file : data_files(data_directory)) {
    std::ifstream in(file.path);
    const std::string content{std::istreambuf_iterator<char>(in), {}};
    for (std::size_t at = 0; at + 8192 <= content.size(); at += 8192) {
      const ByteView page = as_bytes(content).subspan(at, 8);
      const Lsn lsn((std::uint64_t{read_le<std::uint32_t>(page)} << 32) | read_le<std::uint32_t>(page.subspan(4)));
      if (lsn <= from || lsn > through) continue;
      ++result.pages_in_range;
      const auto block = static_cast<std::uint32_t>(file.first_block + at / 8192);
      const bool new_database = seen.databases.contains({file.relation.tablespace, file.relation.database});
      if (!new_database && !seen.holds(file.relation, block)) {
        result.missing.push_back(fmt::format("{} block {} at {}", file.path, block, lsn));
      }
    }
  }
  return result;
}

class WalFromServers : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    if (!PostgresCluster::is_installed(GetParam())) GTEST_SKIP() << "PostgreSQL " << GetParam() << " is not installed";
  }
};

TEST_P(WalFromServers, IsReadWithoutDoubtAndHoldsEveryPageThatChanged) {
  auto recorded = record_workload(workload_options(GetParam()));
  ASSERT_THAT(recorded, Succeeded());
  EXPECT_THAT(recorded->seen.doubts, testing::IsEmpty());
  ASSERT_THAT(recorded->cluster.stop(), Succeeded());
  const auto pages = check_pages(recorded->cluster.data_directory(), recorded->seen, recorded->from, recorded->to);
  EXPECT_THAT(pages.missing, testing::IsEmpty());
  EXPECT_GT(pages.pages_in_range, 500U);
}

INSTANTIATE_TEST_SUITE_P(Majors, WalFromServers, testing::Values(13, 14, 15, 16, 17, 18),
                         [](const auto& row) { return fmt::format("PostgreSQL{}", row.param); });

// What depends less on the version: the oldest, the one with every tool, the newest.
class WalFromSomeServers : public WalFromServers {};
INSTANTIATE_TEST_SUITE_P(Majors, WalFromSomeServers, testing::Values(13, 15, 18),
                         [](const auto& row) { return fmt::format("PostgreSQL{}", row.param); });

TEST_P(WalFromSomeServers, IsDoubtedAroundAStayInWalLevelMinimal) {
  auto cluster = PostgresCluster::started({.major_version = GetParam(), .settings = wal_workload_settings()});
  ASSERT_THAT(cluster, Succeeded());
  const Lsn from = flushed_wal(*cluster).value();
  ASSERT_THAT(cluster->append_config("wal_level = minimal\nmax_wal_senders = 0"), Succeeded());
  ASSERT_THAT(cluster->restart(), Succeeded());
  ASSERT_THAT(cluster->sql("CREATE TABLE skipped AS SELECT generate_series(1, 1000)"), Succeeded());
  ASSERT_THAT(cluster->append_config("wal_level = replica"), Succeeded());
  ASSERT_THAT(cluster->restart(), Succeeded());
  const Lsn after = flushed_wal(*cluster).value();
  const auto over_it = changes_since(*cluster, Timeline(1), from);
  ASSERT_THAT(over_it, Succeeded());
  EXPECT_THAT(over_it->doubts, testing::Contains(testing::HasSubstr("wal_level minimal")));
  ASSERT_THAT(cluster->sql("CREATE TABLE logged AS SELECT generate_series(1, 1000)"), Succeeded());
  const auto behind_it = changes_since(*cluster, Timeline(1), after);
  ASSERT_THAT(behind_it, Succeeded());
  EXPECT_THAT(behind_it->doubts, testing::IsEmpty());
}

bool has_overwritten_record(const WalBytes& wal) {
  for (std::size_t at = 0; at + 8192 <= wal.bytes.size(); at += 8192) {
    if ((wal.bytes[at + 2] & 8U) != 0) return true;
  }
  return false;
}

TEST_P(WalFromSomeServers, GoesOnBehindARecordThatACrashCutOff) {
  PostgresCluster::Options options{
      .major_version = GetParam(), .wal_segment_mib = 1, .settings = wal_workload_settings()};
  options.settings.emplace_back("wal_buffers = 32kB");
  auto cluster = PostgresCluster::started(options);
  ASSERT_THAT(cluster, Succeeded());
  const Lsn from = flushed_wal(*cluster).value();
  std::thread writer([&] {
    // Ends with the server.
    (void)cluster->sql("SELECT pg_logical_emit_message(false, 'cut', repeat('y', 100000000))");
  });
  const auto segment = segment_at(Timeline(1), from + (24U << 20U), WalSegmentSize::of(1U << 20U).value());
  const std::string late =
      cluster->data_directory() + "/pg_wal/" + segment_name(segment, WalSegmentSize::of(1U << 20U).value());
  for (int tries = 0; tries < 3000 && !files::exists(late); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  EXPECT_THAT(cluster->kill_hard(), Succeeded());
  writer.join();
  ASSERT_THAT(cluster->start(), Succeeded());
  ASSERT_THAT(cluster->sql("CREATE TABLE after_it AS SELECT generate_series(1, 1000)"), Succeeded());
  const auto seen = changes_since(*cluster, Timeline(1), from);
  ASSERT_THAT(seen, Succeeded());
  EXPECT_THAT(seen->doubts, testing::IsEmpty());
  EXPECT_TRUE(has_overwritten_record(read_wal(*cluster, Timeline(1), from, flushed_wal(*cluster).value()).value()));
}

TEST(WalOfPostgreSQL15, IsReadOnTheTimelineOfAPromotedStandby) {
  PostgresCluster::Options options{.settings = wal_workload_settings()};
  const auto primary = PostgresCluster::started(options);
  ASSERT_THAT(primary, Succeeded());
  auto standby = PostgresCluster::standby_of(*primary);
  ASSERT_THAT(standby, Succeeded());
  ASSERT_THAT(primary->sql("CREATE TABLE before AS SELECT generate_series(1, 1000)"), Succeeded());
  const Lsn from = flushed_wal(*primary).value();
  ASSERT_THAT(standby->wait_for(fmt::format("SELECT pg_last_wal_replay_lsn() >= '{}'", from), "t"), Succeeded());
  ASSERT_THAT(standby->promote(), Succeeded());
  ASSERT_THAT(standby->sql("CREATE TABLE later AS SELECT generate_series(1, 1000)"), Succeeded());
  // Its first segment begins with the parent's pages.
  const auto seen = changes_since(*standby, Timeline(2), start_of_page(from));
  ASSERT_THAT(seen, Succeeded());
  EXPECT_THAT(seen->doubts, testing::IsEmpty());
  ASSERT_THAT(standby->stop(), Succeeded());
  const auto pages = check_pages(standby->data_directory(), *seen, from, Lsn(~std::uint64_t{0} >> 1));
  EXPECT_THAT(pages.missing, testing::IsEmpty());
  EXPECT_GT(pages.pages_in_range, 5U);
}

}  // namespace
}  // namespace holdfast
