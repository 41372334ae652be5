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

TEST(Layout, CheckpointNamesComeBackAndTheNewestIsTheLast) {
  EXPECT_EQ(checkpoint_name(10, 0xabc), "coordinator/000000000000000a-0000000000000abc.checkpoint");
  EXPECT_EQ(parse_checkpoint_name(checkpoint_name(10, 0xabc)), (CheckpointName{10, 0xabc}));
  EXPECT_LT(checkpoint_name(9, 300), checkpoint_name(10, 1));
  for (const std::string& bad :
       {std::string("coordinator/a-b.checkpoint"), checkpoint_name(1, 2) + "x", std::string(fleet_record_name()),
        std::string("coordinator/000000000000000A-0000000000000abc.checkpoint")}) {
    EXPECT_FALSE(parse_checkpoint_name(bad)) << bad;
  }
}

TEST(Layout, SaysWhichEpochOrTimelineAnObjectIsAbout) {
  const DatabaseId database(std::array<std::uint8_t, 16>{1});
  const EpochId epoch(std::array<std::uint8_t, 16>{2});
  EXPECT_EQ(epoch_of_object(epoch_name(database, epoch)), epoch);
  EXPECT_EQ(timeline_of_history(history_name(database, Timeline(0x1f))), Timeline(0x1f));
  for (const std::string& name : {wal_name(database, Timeline(1), Lsn(1), Lsn(2)), epoch_name(database, epoch) + "x",
                                  std::string("x/epochs/y")}) {
    EXPECT_FALSE(epoch_of_object(name)) << name;
    EXPECT_FALSE(timeline_of_history(name)) << name;
  }
}

}  // namespace
}  // namespace holdfast
