#include "shared/repository/layout.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

const std::string database_text = "00112233445566778899aabbccddeeff";

TEST(Layout, NamesAreAsTheFormatSays) {
  const DatabaseId database = *DatabaseId::parse(database_text);
  const BackupId backup = *BackupId::parse("ffeeddccbbaa99887766554433221100");
  const std::string in_backup = database_text + "/backups/ffeeddccbbaa99887766554433221100/";
  EXPECT_EQ(fleet_record_name(), "fleet.record");
  EXPECT_EQ(database_record_name(database), database_text + "/database.record");
  EXPECT_EQ(epoch_name(database, *EpochId::parse(database_text)), database_text + "/epochs/" + database_text + ".keys");
  EXPECT_EQ(backup_prefix(database, backup), in_backup);
  EXPECT_EQ(pack_name(database, backup, 7), in_backup + "pack-0007");
  EXPECT_EQ(pack_name(database, backup, 12345), in_backup + "pack-12345");
  EXPECT_EQ(manifest_name(database, backup), in_backup + "manifest");
  EXPECT_EQ(record_name(database, backup), in_backup + "record");
  EXPECT_EQ(released_name(database, backup), in_backup + "released");
  EXPECT_EQ(wal_prefix(database, Timeline(10)), database_text + "/wal/0000000a/");
  EXPECT_EQ(wal_name(database, Timeline(1), Lsn(0x16B374D848), Lsn(0x16B4000000)),
            database_text + "/wal/00000001/00000016b374d848-00000016b4000000");
  EXPECT_EQ(history_name(database, Timeline(2)), database_text + "/wal/00000002.history");
}

TEST(Layout, WalNamesComeBack) {
  const DatabaseId database = *DatabaseId::parse(database_text);
  const WalName name{Timeline(0xffffffff), Lsn(1), Lsn(~std::uint64_t{0})};
  EXPECT_EQ(parse_wal_name(wal_name(database, name.timeline, name.first, name.last)), name);
}

TEST(Layout, RefusesWhatIsNotAWalName) {
  const std::string good = database_text + "/wal/00000001/0000000000000001-0000000000000002";
  ASSERT_TRUE(parse_wal_name(good));
  for (const std::string& bad :
       {std::string(), good + "0", good.substr(1), good.substr(0, good.size() - 1),
        database_text + "/wal/00000001.history", database_text + "/wal/00000001/0000000000000002-0000000000000002",
        database_text + "/wal/00000001/000000000000000A-000000000000000b", database_text + "/backups/x/record"}) {
    EXPECT_FALSE(parse_wal_name(bad)) << bad;
  }
}

TEST(Layout, SaysWhoseObjectsTheyAre) {
  const DatabaseId database(std::array<std::uint8_t, 16>{1});
  const BackupId backup(std::array<std::uint8_t, 16>{2});
  EXPECT_EQ(backup_of_object(pack_name(database, backup, 3)), backup);
  EXPECT_EQ(backup_of_object(record_name(database, backup)), backup);
  for (const std::string& name : {wal_name(database, Timeline(1), Lsn(1), Lsn(2)), database_record_name(database),
                                  backup_prefix(database, backup).substr(0, 70), std::string("x/backups/y/z")}) {
    EXPECT_FALSE(backup_of_object(name)) << name;
  }
}

}  // namespace
}  // namespace holdfast
