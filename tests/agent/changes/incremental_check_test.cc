#include "agent/changes/incremental_check.h"

#include <gmock/gmock.h>

#include <functional>

namespace holdfast {
namespace {

using testing::HasSubstr;
using testing::Optional;

ClusterTraits traits() {
  ClusterTraits out;
  out.system_id = SystemId(7);
  out.major_version = 15;
  out.control_version = 1300;
  out.catalog_version = 202209061;
  out.page_checksums = PageChecksums::on;
  out.block_size = 8192;
  out.relation_segment_blocks = 131'072;
  return out;
}

struct Question {
  IncrementalParent parent{traits(), {Timeline(1), Lsn(0x100)}, {Timeline(1), Lsn(0x180)}};
  PlannedBackup now{traits(), {Timeline(1), Lsn(0x200)}, Lsn(0), TimelineHistory()};
  Result<ChangeMap> changes = ChangeMap();

  std::optional<std::string> asked() const { return why_not_incremental(parent, now, changes); }
};

TEST(IncrementalCheck, LetsAPassableBackupThrough) {
  EXPECT_EQ(Question().asked(), std::nullopt);
}

struct Refusal {
  std::string name;
  std::function<void(Question&)> change;
  std::string reason;
};

class IncrementalRefusals : public testing::TestWithParam<Refusal> {};

TEST_P(IncrementalRefusals, SayWhy) {
  Question question;
  GetParam().change(question);
  EXPECT_THAT(question.asked(), Optional(HasSubstr(GetParam().reason)));
}

const std::vector<Refusal> refusals = {
    {"systemId", [](Question& q) { q.now.traits.system_id = SystemId(8); },
     "system identifier is 8, the parent's is 7"},
    {"majorVersion", [](Question& q) { q.now.traits.major_version = 16; }, "major version is 16, the parent's is 15"},
    {"controlVersion", [](Question& q) { q.now.traits.control_version = 1700; }, "control file version is 1700"},
    {"catalogVersion", [](Question& q) { q.now.traits.catalog_version = 202307071; }, "catalog version is 202307071"},
    {"checksumsSwitchedOff", [](Question& q) { q.now.traits.page_checksums = PageChecksums::off; },
     "page checksums are off, the parent's are on"},
    {"checksumsSwitchedOn", [](Question& q) { q.parent.traits.page_checksums = PageChecksums::off; },
     "page checksums are on, the parent's are off"},
    {"blockSize", [](Question& q) { q.now.traits.block_size = 16384; }, "block size is 16384, the parent's is 8192"},
    {"otherBlockSizeOfBoth", [](Question& q) { q.now.traits.block_size = q.parent.traits.block_size = 16384; },
     "blocks of 16384 bytes and segments of 131072 blocks are not supported"},
    {"segmentSize", [](Question& q) { q.now.traits.relation_segment_blocks = 262'144; },
     "number of blocks in a segment is 262144"},
    {"parentOnAnAbandonedTimeline",
     [](Question& q) {
       q.now.start = {Timeline(3), Lsn(0x200)};
       q.now.history = TimelineHistory::parse(Timeline(3), "2\t0/190\tx\n").value();
     },
     "needs timeline 1 up to 0/100, which is not in the history of timeline 3"},
    {"parentEndedOnAnAbandonedStretch",
     [](Question& q) {
       q.now.start = {Timeline(2), Lsn(0x200)};
       q.now.history = TimelineHistory::parse(Timeline(2), "1\t0/150\tx\n").value();
     },
     "needs timeline 1 up to 0/180, which is not in the history of timeline 2"},
    {"parentOnAYoungerTimeline", [](Question& q) { q.parent.start.timeline = q.parent.stop.timeline = Timeline(2); },
     "not in the history of timeline 1"},
    {"historyOfAnotherTimeline", [](Question& q) { q.now.history = TimelineHistory(Timeline(4)); },
     "the history at hand is that of timeline 4, the backup starts on 1"},
    {"startBeforeTheParents", [](Question& q) { q.now.start.lsn = Lsn(0xF8); },
     "starts at 0/F8, before the parent's start at 0/100"},
    {"standbyBehindTheParentsStop",
     [](Question& q) {
       q.now.start.lsn = Lsn(0x110);
       q.now.reached = Lsn(0x170);
     },
     "may end at 0/170, before the parent's stop at 0/180"},
    {"gapInTheLog",
     [](Question& q) {
       q.changes = fail(Code::not_found, "what changed from 0/100 to 0/200 on timeline 1 is not known");
     },
     "what changed from 0/100 to 0/200 on timeline 1 is not known"},
    {"damagedLog", [](Question& q) { q.changes = fail(Code::corrupt, "\"x\": its checksum does not fit"); },
     "\"x\": its checksum does not fit"},
    {"doubt",
     [](Question& q) {
       ChangeMap map;
       map.doubted(Lsn(0x150), "unknown record");
       q.changes = std::move(map);
     },
     "what changed at 0/150 is in doubt: unknown record"},
    {"systemIdBeforeTheLog",
     [](Question& q) {
       q.now.traits.system_id = SystemId(8);
       q.changes = fail(Code::not_found, "a gap");
     },
     "system identifier"},
};

INSTANTIATE_TEST_SUITE_P(Because, IncrementalRefusals, testing::ValuesIn(refusals),
                         [](const auto& row) { return row.param.name; });

TEST(IncrementalCheck, FollowsAPromotion) {
  Question question;
  question.now.start = {Timeline(2), Lsn(0x200)};
  question.now.history = TimelineHistory::parse(Timeline(2), "1\t0/180\tx\n").value();
  EXPECT_EQ(question.asked(), std::nullopt);
}

// Without a checkpoint on the primary a standby begins each backup at the same place.
TEST(IncrementalCheck, LetsAnIdleStandbyThrough) {
  Question question;
  question.now.start.lsn = question.parent.start.lsn;
  question.now.reached = question.parent.stop.lsn;
  EXPECT_EQ(question.asked(), std::nullopt);
}

TEST(IncrementalCheck, TakesTheTraitsFromTheControlFile) {
  PgControl control;
  control.system_id = SystemId(7);
  control.major_version = 15;
  control.control_version = 1300;
  control.catalog_version = 202209061;
  control.page_checksums = PageChecksums::on;
  control.block_size = 8192;
  control.relation_segment_blocks = 131'072;
  EXPECT_EQ(ClusterTraits::of(control), traits());
}

}  // namespace
}  // namespace holdfast
