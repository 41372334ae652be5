#include "coordinator/catalog/keys.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

DatabaseId database(std::uint8_t first) {
  return DatabaseId({first});
}
Timestamp at(std::int64_t micros) {
  return Timestamp::from_micros(micros);
}

TEST(CatalogKeys, OrderBackupsByDatabaseThenTimeThenId) {
  const BackupId low({1});
  const BackupId high({2});
  EXPECT_LT(backup_key(database(1), at(900), high), backup_key(database(2), at(1), low));
  EXPECT_LT(backup_key(database(1), at(255), high), backup_key(database(1), at(256), low));
  EXPECT_LT(backup_key(database(1), at(5), low), backup_key(database(1), at(5), high));
  EXPECT_LT(backup_key(database(1), at(-1), high), backup_key(database(1), at(0), low));
}

TEST(CatalogKeys, BeginWithTheDatabaseSoThatOneScanFindsAllOfIt) {
  const auto begins = [](const Bytes& key, const DatabaseId& id) {
    return std::equal(id.bytes().begin(), id.bytes().end(), key.begin());
  };
  EXPECT_TRUE(begins(backup_key(database(7), at(1), BackupId{}), database(7)));
  EXPECT_TRUE(begins(wal_range_key(database(7), Timeline(1), Lsn(1)), database(7)));
  EXPECT_TRUE(begins(timeline_key(database(7), Timeline(1)), database(7)));
  EXPECT_TRUE(begins(epoch_row_key(database(7), EpochId{}), database(7)));
}

TEST(CatalogKeys, OrderWalByTimelineThenPosition) {
  EXPECT_LT(wal_range_key(database(1), Timeline(1), Lsn(UINT64_MAX)), wal_range_key(database(1), Timeline(2), Lsn(0)));
  EXPECT_LT(wal_range_key(database(1), Timeline(1), Lsn(0xff)), wal_range_key(database(1), Timeline(1), Lsn(0x100)));
}

TEST(CatalogKeys, OrderJobsAndAuditByWhenTheyWereMade) {
  EXPECT_LT(job_key(at(1), JobId({9})), job_key(at(2), JobId({1})));
  EXPECT_LT(audit_key(255), audit_key(256));
}

TEST(CatalogKeys, ReadABackupsKeyBack) {
  const BackupId backup({3, 4, 5});
  for (const std::int64_t micros : {std::int64_t{-5}, std::int64_t{0}, std::int64_t{1'700'000'000'000'000}}) {
    const auto parsed = parse_backup_key(backup_key(database(1), at(micros), backup));
    ASSERT_TRUE(parsed);
    EXPECT_EQ(*parsed, (BackupKey{database(1), at(micros), backup}));
  }
  EXPECT_EQ(parse_backup_key(Bytes(39)).error().code, Code::corrupt);
  EXPECT_EQ(parse_backup_key(Bytes(41)).error().code, Code::corrupt);
}

TEST(CatalogKeys, HaveFixedLayout) {
  EXPECT_EQ(to_hex(wal_range_key(DatabaseId({0xaa}), Timeline(2), Lsn(0x1000000))),
            "aa000000000000000000000000000000"
            "00000002"
            "0000000001000000");
  EXPECT_EQ(to_hex(job_key(at(1), JobId({0xbb}))),
            "8000000000000001"
            "bb000000000000000000000000000000");
  EXPECT_EQ(to_hex(reply_key(CurvePublicKey({0xcc}), 3)), "cc" + std::string(62, '0') + "0000000000000003");
}

TEST(CatalogKeys, ReadAReplysKeyBack) {
  const ReplyKey key{CurvePublicKey({0xcc}), UINT64_MAX};
  const auto parsed = parse_reply_key(reply_key(key.peer, key.request));
  ASSERT_TRUE(parsed) << parsed.error().text();
  EXPECT_EQ(*parsed, key);
  EXPECT_EQ(parse_reply_key(Bytes(39)).error().code, Code::corrupt);
}

}  // namespace
}  // namespace holdfast
