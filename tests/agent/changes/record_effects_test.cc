// One test for each row of the table of records that change files without saying so in block references.
#include "agent/changes/record_effects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/agent/changes/seen_changes.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr Lsn at(0x1000);
constexpr int all_majors[] = {13, 14, 15, 16, 17, 18};

class MainData {
 public:
  MainData& u32(std::initializer_list<std::uint32_t> values) {
    for (const std::uint32_t value : values) append_le(bytes_, value);
    return *this;
  }
  MainData& zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }
  const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

RecordKind kind(int resource_manager, int info) {
  return {static_cast<ResourceManager>(resource_manager), static_cast<std::uint8_t>(info)};
}

// The calls for a record, as the reader makes them.
std::vector<std::string> effects(RecordKind record, const MainData& data, int major_version) {
  CallList list;
  if (may_have_effects(record, major_version)) report_effects(at, record, data.bytes(), major_version, list);
  return list.calls;
}

constexpr const char* doubt = "doubt at 0/1000";

TEST(StorageRecords, CreateANewFork) {
  for (const int major : all_majors) {
    EXPECT_THAT(effects(kind(2, 0x11), MainData().u32({1663, 5, 900, 0}), major),
                ElementsAre("1663/5/900.0 limited to 0"));
    EXPECT_THAT(effects(kind(2, 0x11), MainData().u32({1663, 5, 900, 3}), major),
                ElementsAre("1663/5/900.3 limited to 0"));
    EXPECT_THAT(effects(kind(2, 0x11), MainData().u32({1663, 5, 900, 1}), major), IsEmpty());
  }
  EXPECT_THAT(effects(kind(2, 0x11), MainData().u32({1663, 5, 900, 4}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(2, 0x11), MainData().u32({1663, 5, 900}), 15), ElementsAre(doubt));
}

TEST(StorageRecords, TruncateAForkToItsBlocks) {
  EXPECT_THAT(effects(kind(2, 0x21), MainData().u32({100, 1663, 5, 900, 1}), 15),
              ElementsAre("1663/5/900.0 limited to 100"));
  EXPECT_THAT(effects(kind(2, 0x21), MainData().u32({100, 1663, 5, 900, 4}), 15), IsEmpty());
  EXPECT_THAT(effects(kind(2, 0x21), MainData().u32({100, 1663, 5, 900}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(2, 0x31), MainData().u32({100, 1663, 5, 900, 1}), 15), ElementsAre(doubt));
}

TEST(StorageRecords, TruncateTheVisibilityMapInItsOwnBlocks) {
  // One block of the map stands for 32,672 of the relation; its last one loses bits without being logged.
  EXPECT_THAT(effects(kind(2, 0x21), MainData().u32({40000, 1663, 5, 900, 7}), 18),
              ElementsAre("1663/5/900.0 limited to 40000", "1663/5/900.2 limited to 2", "block 1 of 1663/5/900.2"));
  EXPECT_THAT(effects(kind(2, 0x21), MainData().u32({2 * 32672, 1663, 5, 900, 2}), 18),
              ElementsAre("1663/5/900.2 limited to 2"));
  EXPECT_THAT(effects(kind(2, 0x21), MainData().u32({0, 1663, 5, 900, 2}), 18),
              ElementsAre("1663/5/900.2 limited to 0"));
}

TEST(DatabaseRecords, CreateADirectory) {
  for (const int major : all_majors) {
    EXPECT_THAT(effects(kind(4, 0x01), MainData().u32({5000, 1663, 1, 1663}), major),
                ElementsAre("database 1663/5000 replaced"));
  }
  EXPECT_THAT(effects(kind(4, 0x01), MainData().u32({5000}), 15), ElementsAre(doubt));
}

TEST(DatabaseRecords, ChangedTheirMeaningIn15) {
  const MainData created = MainData().u32({5000, 1663});
  const MainData dropped = MainData().u32({5000, 2, 1663, 1700});
  for (const int major : {15, 16, 17, 18}) {
    EXPECT_THAT(effects(kind(4, 0x10), created, major), ElementsAre("database 1663/5000 replaced"));
    EXPECT_THAT(effects(kind(4, 0x21), dropped, major),
                ElementsAre("database 1663/5000 replaced", "database 1700/5000 replaced"));
  }
  for (const int major : {13, 14}) {
    EXPECT_THAT(effects(kind(4, 0x11), dropped, major),
                ElementsAre("database 1663/5000 replaced", "database 1700/5000 replaced"));
    EXPECT_THAT(effects(kind(4, 0x21), dropped, major), ElementsAre(doubt));
  }
  EXPECT_THAT(effects(kind(4, 0x21), MainData().u32({5000, 3, 1663, 1700}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(4, 0x21), MainData().u32({5000, 0xFFFFFFFF, 1663}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(4, 0x31), created, 15), ElementsAre(doubt));
}

TEST(TransactionRecords, DropRelationsBehindWhateverElseTheySay) {
  const std::vector<std::string> all_forks = {"1663/5/900.0 limited to 0", "1663/5/900.2 limited to 0",
                                              "1663/5/900.3 limited to 0", "1663/5/901.0 limited to 0",
                                              "1663/5/901.2 limited to 0", "1663/5/901.3 limited to 0"};
  const MainData plain = MainData().zeros(8).u32({4, 2, 1663, 5, 900, 1663, 5, 901});
  // Database, three subtransactions, dropped relations, invalidations, statistics.
  const MainData full =
      MainData().zeros(8).u32({0x10F, 16384, 1663, 3, 11, 12, 13, 2, 1663, 5, 900, 1663, 5, 901, 77, 78});
  for (const int major : all_majors) {
    // Only from 14 on do these carry the mark for special records.
    for (const int mark : {0x00, 0x01}) {
      for (const int operation : {0x00, 0x20, 0x30, 0x40}) {
        EXPECT_EQ(effects(kind(1, 0x80 | operation | mark), plain, major), all_forks) << major << " " << operation;
        EXPECT_EQ(effects(kind(1, 0x80 | operation | mark), full, major), all_forks) << major << " " << operation;
      }
    }
  }
}

TEST(TransactionRecords, MostlyDropNothing) {
  const MainData only_subtransactions = MainData().zeros(8).u32({2, 2, 11, 12});
  EXPECT_THAT(effects(kind(1, 0x80), only_subtransactions, 15), IsEmpty());
  EXPECT_THAT(effects(kind(1, 0x00), MainData().zeros(8), 15), IsEmpty());
  for (const int operation : {0x10, 0x50, 0x60})
    EXPECT_THAT(effects(kind(1, operation), MainData().zeros(40), 15), IsEmpty());
}

TEST(TransactionRecords, AreDoubtedWhenTheyEndTooSoonOrAreUnknown) {
  EXPECT_THAT(effects(kind(1, 0x80), MainData().zeros(4), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(1, 0x80), MainData().zeros(8).u32({2, 9, 11, 12}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(1, 0x80), MainData().zeros(8).u32({2, 0xFFFFFFFF, 11, 12}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(1, 0x80), MainData().zeros(8).u32({4, 2, 1663, 5, 900, 1663, 5}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(1, 0x80), MainData().zeros(8).u32({4}), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(1, 0x70), MainData().zeros(8), 15), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(1, 0x11), MainData().zeros(8), 15), ElementsAre(doubt));
}

TEST(RecordsOfTheLog, AreDoubtedUnderWalLevelMinimal) {
  for (const int major : all_majors) {
    EXPECT_THAT(effects(kind(0, 0x60), MainData().zeros(20).u32({0, 0}), major), ElementsAre(doubt));
    EXPECT_THAT(effects(kind(0, 0x60), MainData().zeros(20).u32({1, 0}), major), IsEmpty());
    const bool tells = major >= 17;
    const auto if_told = [&](int info, std::size_t offset) {
      EXPECT_EQ(effects(kind(0, info), MainData().zeros(offset).u32({0}).zeros(60), major).size(), tells ? 1U : 0U);
      EXPECT_THAT(effects(kind(0, info), MainData().zeros(offset).u32({2}).zeros(60), major), IsEmpty());
    };
    if_told(0x00, 20);
    if_told(0x90, 16);
    if_told(0xE0, 0);
  }
  EXPECT_THAT(effects(kind(0, 0xE0), MainData().zeros(3), 17), ElementsAre(doubt));
}

TEST(RecordsWithoutAMeaningForFiles, AreIgnored) {
  // Tablespaces, relation maps, transaction status and the like: no files of blocks, or taken whole anyway.
  for (const int manager : {3, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}) {
    for (const int operation : {0x00, 0x10, 0x20, 0xF0}) {
      EXPECT_THAT(effects(kind(manager, operation), MainData().zeros(30), 15), IsEmpty()) << manager;
    }
  }
  // Checkpoints, images of pages, the check of consistency, those of extensions.
  for (const int info : {0x10, 0x20, 0x30, 0x50, 0x70, 0x80, 0xA0, 0xB0, 0xB2}) {
    EXPECT_THAT(effects(kind(0, info), MainData().zeros(80), 18), IsEmpty()) << info;
  }
  EXPECT_THAT(effects(kind(130, 0x30), MainData().zeros(30), 15), IsEmpty());
}

TEST(UnknownRecords, AreDoubtedWhenTheySayThatTheyChangeFiles) {
  for (const int manager : {0, 3, 7, 10, 21, 130}) {
    EXPECT_THAT(effects(kind(manager, 0xB1), MainData().zeros(30), 18), ElementsAre(doubt)) << manager;
  }
  EXPECT_THAT(effects(kind(10, 0x04), MainData().zeros(30), 18), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(10, 0x08), MainData().zeros(30), 18), ElementsAre(doubt));
}

TEST(UnknownRecords, AreDoubtedWhenNobodyKnowsTheirResourceManager) {
  EXPECT_THAT(effects(kind(22, 0), MainData(), 18), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(127, 0), MainData(), 18), ElementsAre(doubt));
  // Extensions have them since 15.
  EXPECT_THAT(effects(kind(128, 0), MainData(), 14), ElementsAre(doubt));
  EXPECT_THAT(effects(kind(128, 0), MainData(), 15), IsEmpty());
}

}  // namespace
}  // namespace holdfast
