#include "shared/postgres/pg_control.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "shared/postgres/crc32c.h"
#include "tests/harness/postgres_cluster.h"

namespace holdfast {
namespace {

Bytes file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// What pg_controldata prints after "label:".
std::string printed(const std::string& output, const std::string& label) {
  const auto line = output.find(label + ":");
  if (line == std::string::npos) return "no line \"" + label + "\"";
  const auto value = output.find_first_not_of(' ', line + label.size() + 1);
  return output.substr(value, output.find('\n', value) - value);
}

class PgControlOfALiveCluster : public ::testing::Test {
 protected:
  void SetUp() override {
    auto made = PostgresCluster::create({.page_checksums = PageChecksums::on, .wal_segment_mib = 4});
    ASSERT_TRUE(made.has_value()) << made.error().text();
    cluster_ = std::make_unique<PostgresCluster>(std::move(*made));
    content_ = file_bytes(cluster_->data_directory() + "/global/pg_control");
  }
  std::unique_ptr<PostgresCluster> cluster_;
  Bytes content_;
};

TEST_F(PgControlOfALiveCluster, AgreesWithPgControldata) {
  ASSERT_EQ(content_.size(), 8192U);
  const auto parsed = parse_pg_control(content_);
  ASSERT_TRUE(parsed.has_value()) << parsed.error().text();
  const auto output = cluster_->run_program("pg_controldata", {"-D", cluster_->data_directory()}).value();
  const auto text = [&output](const std::string& label) { return printed(output, label); };

  EXPECT_EQ(fmt::format("{}", parsed->control_version), text("pg_control version number"));
  EXPECT_EQ(fmt::format("{}", parsed->catalog_version), text("Catalog version number"));
  EXPECT_EQ(fmt::format("{}", parsed->system_id), text("Database system identifier"));
  EXPECT_EQ(to_string(parsed->state), text("Database cluster state"));
  EXPECT_EQ(fmt::format("{}", parsed->checkpoint), text("Latest checkpoint location"));
  EXPECT_EQ(fmt::format("{}", parsed->checkpoint_redo), text("Latest checkpoint's REDO location"));
  EXPECT_EQ(fmt::format("{}", parsed->checkpoint_timeline), text("Latest checkpoint's TimeLineID"));
  EXPECT_EQ(fmt::format("{}", parsed->checkpoint_previous_timeline), text("Latest checkpoint's PrevTimeLineID"));
  EXPECT_EQ(fmt::format("{}", parsed->min_recovery_end), text("Minimum recovery ending location"));
  EXPECT_EQ(fmt::format("{}", parsed->min_recovery_timeline), text("Min recovery ending loc's timeline"));
  EXPECT_EQ(fmt::format("{}", parsed->max_connections), text("max_connections setting"));
  EXPECT_EQ(fmt::format("{}", parsed->max_worker_processes), text("max_worker_processes setting"));
  EXPECT_EQ(fmt::format("{}", parsed->max_wal_senders), text("max_wal_senders setting"));
  EXPECT_EQ(fmt::format("{}", parsed->max_prepared_transactions), text("max_prepared_xacts setting"));
  EXPECT_EQ(fmt::format("{}", parsed->max_locks_per_transaction), text("max_locks_per_xact setting"));
  EXPECT_EQ(fmt::format("{}", parsed->block_size), text("Database block size"));
  EXPECT_EQ(fmt::format("{}", parsed->relation_segment_blocks), text("Blocks per segment of large relation"));
  EXPECT_EQ(fmt::format("{}", parsed->wal_block_size), text("WAL block size"));
  EXPECT_EQ(fmt::format("{}", parsed->wal_segment_size.bytes()), text("Bytes per WAL segment"));
  EXPECT_EQ(text("Data page checksum version"), "1");
  EXPECT_EQ(parsed->page_checksums, PageChecksums::on);
  EXPECT_EQ(parsed->wal_segment_size.bytes(), 4U << 20U);
  EXPECT_EQ(parsed->state, ClusterState::shut_down);
  EXPECT_EQ(parsed->major_version, cluster_->major_version());
}

TEST_F(PgControlOfALiveCluster, AFlippedBitInAnyByteIsFound) {
  for (std::size_t at = 0; at < 292; ++at) {
    Bytes damaged = content_;
    damaged[at] ^= 0x10;
    EXPECT_FALSE(parse_pg_control(damaged)) << at;
  }
}

TEST_F(PgControlOfALiveCluster, OfA17AndAn18IsReadToo) {
  Bytes content = content_;
  const auto put = [&content](std::size_t at, std::uint32_t value) {
    for (std::size_t i = 0; i < 4; ++i) content[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(8, 1700);
  put(12, 202406281);
  put(288, crc32c(ByteView(content).first(288)));
  EXPECT_EQ(parse_pg_control(content).value().major_version, 17);
  put(8, 1800);
  put(12, 202506291);
  put(292, crc32c(ByteView(content).first(292)));
  EXPECT_EQ(parse_pg_control(content).value().major_version, 18);
}

TEST_F(PgControlOfALiveCluster, OfAnUnknownVersionIsUnsupported) {
  Bytes content = content_;
  content[8] = 0x77;
  const auto parsed = parse_pg_control(content);
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, Code::unsupported);
}

TEST(PgControlBytes, CutShortAreCorrupt) {
  const auto parsed = parse_pg_control(Bytes(100, 0));
  ASSERT_FALSE(parsed.has_value());
  EXPECT_EQ(parsed.error().code, Code::corrupt);
}

TEST(CatalogVersion, TellsTheMajorVersion) {
  EXPECT_EQ(major_of_catalog_version(202007201), 13);
  EXPECT_EQ(major_of_catalog_version(202209061), 15);
  EXPECT_EQ(major_of_catalog_version(202506291), 18);
  EXPECT_EQ(major_of_catalog_version(201909212), std::nullopt);
  EXPECT_EQ(tablespace_version_directory(15, 202209061), "PG_15_202209061");
}

}  // namespace
}  // namespace holdfast
