#include "agent/postgres/page_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "agent/postgres/data_directory.h"
#include "tests/harness/postgres_cluster.h"

namespace holdfast {
namespace {

Bytes file_bytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// "path block n" of every page that does not fit.
std::vector<std::string> bad_pages(const PostgresCluster& cluster, std::size_t& pages) {
  std::vector<std::string> bad;
  const auto listing =
      walk_data_directory(cluster.data_directory(), cluster.owner(), "PG_15_202209061", StopToken()).value();
  for (const auto& file : listing.entries) {
    if (!file.relation) continue;
    const Bytes content = file_bytes(cluster.data_directory() + "/" + file.path);
    EXPECT_EQ(content.size() % page_size, 0U) << file.path;
    for (std::size_t at = 0; at < content.size(); at += page_size) {
      const auto block = static_cast<std::uint32_t>(at / page_size) + file.relation->segment * relation_segment_pages;
      ++pages;
      if (check_page(ByteView(content).subspan(at, page_size), block, Lsn(~0ULL)) == PageVerdict::mismatch) {
        bad.push_back(file.path + " block " + std::to_string(block));
      }
    }
  }
  return bad;
}

TEST(PageCheck, FindsWhatPgChecksumsFinds) {
  PostgresCluster::Options options;
  options.page_checksums = PageChecksums::on;
  auto cluster = PostgresCluster::started(options).value();
  ASSERT_TRUE(cluster.sql("CREATE TABLE t AS SELECT generate_series(1, 50000) AS n").has_value());
  ASSERT_TRUE(cluster.sql("VACUUM t").has_value());
  ASSERT_TRUE(cluster.sql("CREATE INDEX ON t (n); CREATE UNLOGGED TABLE u (n int PRIMARY KEY)").has_value());
  const std::string path = cluster.sql("SELECT pg_relation_filepath('t')").value();
  ASSERT_TRUE(cluster.stop().has_value());
  std::size_t pages = 0;
  EXPECT_THAT(bad_pages(cluster, pages), ::testing::IsEmpty());
  EXPECT_GT(pages, 500U);
  ASSERT_TRUE(cluster.run_program("pg_checksums", {"--check", "-D", cluster.data_directory()}).has_value());

  {
    std::fstream file(cluster.data_directory() + "/" + path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(5 * page_size + 4000);
    file.put('\x5A');
  }
  const auto judged = cluster.run_program("pg_checksums", {"--check", "-D", cluster.data_directory()});
  ASSERT_FALSE(judged.has_value());
  EXPECT_THAT(judged.error().message, ::testing::HasSubstr("block 5"));
  EXPECT_THAT(bad_pages(cluster, pages), ::testing::ElementsAre(path + " block 5"));
}

Bytes page_with(std::uint64_t lsn, std::uint32_t block) {
  Bytes page(page_size, 0);
  const auto put = [&page](std::size_t at, std::uint64_t value, std::size_t size) {
    for (std::size_t i = 0; i < size; ++i) page[at + i] = static_cast<std::uint8_t>(value >> (8 * i));
  };
  put(0, lsn >> 32, 4);
  put(4, lsn & 0xFFFFFFFF, 4);
  put(14, 8000, 2);
  page[8100] = 7;
  put(8, page_checksum(page, block), 2);
  return page;
}

TEST(PageCheck, AcceptsAPageOnlyInItsPlace) {
  const Bytes page = page_with(0x100000010, 3);
  EXPECT_EQ(check_page(page, 3, Lsn(~0ULL)), PageVerdict::sound);
  EXPECT_EQ(check_page(page, 4, Lsn(~0ULL)), PageVerdict::mismatch);
  EXPECT_EQ(check_page(page, 3 + relation_segment_pages, Lsn(~0ULL)), PageVerdict::mismatch);
}

TEST(PageCheck, LeavesPagesAloneThatRecoveryReplaces) {
  Bytes page = page_with(0x100000010, 3);
  page[5000] = 1;
  EXPECT_EQ(check_page(page, 3, Lsn(0x100000011)), PageVerdict::mismatch);
  EXPECT_EQ(check_page(page, 3, Lsn(0x100000010)), PageVerdict::too_recent);
  EXPECT_EQ(check_page(page, 3, Lsn(0x10)), PageVerdict::too_recent);
}

TEST(PageCheck, KnowsPagesThatWereNeverWritten) {
  EXPECT_EQ(check_page(Bytes(page_size, 0), 9, Lsn(~0ULL)), PageVerdict::fresh);
}

TEST(PageCheck, FindsEveryFlippedBitOfAPage) {
  const Bytes page = page_with(0x10, 0);
  for (std::size_t at = 16; at < page_size; at += 37) {
    Bytes damaged = page;
    damaged[at] ^= 0x04;
    EXPECT_EQ(check_page(damaged, 0, Lsn(~0ULL)), PageVerdict::mismatch) << at;
  }
}

}  // namespace
}  // namespace holdfast
