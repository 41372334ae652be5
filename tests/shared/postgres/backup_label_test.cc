#include "shared/postgres/backup_label.h"

#include <gtest/gtest.h>

namespace holdfast {
namespace {

constexpr const char* label_15 =
    "START WAL LOCATION: 0/2000028 (file 000000010000000000000002)\n"
    "CHECKPOINT LOCATION: 0/2000060\n"
    "BACKUP METHOD: streamed\n"
    "BACKUP FROM: primary\n"
    "START TIME: 2026-11-21 01:00:00 UTC\n"
    "LABEL: holdfast: nightly\n"
    "START TIMELINE: 1\n";

TEST(BackupLabelText, SaysWhereRecoveryBegins) {
  const auto label = parse_backup_label(label_15).value();
  EXPECT_EQ(label.start, Lsn(0x2000028));
  EXPECT_EQ(label.start_file, "000000010000000000000002");
  EXPECT_EQ(label.checkpoint, Lsn(0x2000060));
  EXPECT_EQ(label.timeline, Timeline(1));
  EXPECT_EQ(label.from, BackupLabel::From::primary);
  EXPECT_EQ(label.label, "holdfast: nightly");
  EXPECT_FALSE(label.incremental);
}

TEST(BackupLabelText, TellsAnIncrementalOfTheServer) {
  const auto label = parse_backup_label(std::string(label_15) + "INCREMENTAL FROM LSN: 0/1000028\n").value();
  EXPECT_TRUE(label.incremental);
}

TEST(BackupLabelText, RefusesWhatRecoveryCouldNotUse) {
  const std::string good = label_15;
  const auto without = [&good](const std::string& line_start) {
    std::string text = good;
    const auto from = text.find(line_start);
    text.erase(from, text.find('\n', from) + 1 - from);
    return text;
  };
  EXPECT_FALSE(parse_backup_label(""));
  EXPECT_FALSE(parse_backup_label(without("START WAL")));
  EXPECT_FALSE(parse_backup_label(without("CHECKPOINT")));
  EXPECT_TRUE(parse_backup_label(without("START TIMELINE")));
  EXPECT_FALSE(parse_backup_label("START WAL LOCATION: 0/2000028\nCHECKPOINT LOCATION: 0/2000060\n"));
  EXPECT_FALSE(parse_backup_label("START WAL LOCATION: 0/2000028 (file 00000002.history)\n"));
}

}  // namespace
}  // namespace holdfast
