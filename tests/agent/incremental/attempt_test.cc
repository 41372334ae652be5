#include "agent/incremental/attempt.h"

#include <gmock/gmock.h>

#include "agent/incremental/attempt_cache.h"
#include "agent/incremental/attempt_recorder.h"
#include "agent/incremental/incremental_plan.h"
#include "shared/os/posix_file_system.h"
#include "shared/repository/layout.h"
#include "tests/harness/result_matchers.h"
#include "tests/harness/temporary_directory.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

const DatabaseId database({0xd1});
const BackupId first_attempt({0xb1});
const BackupId second_attempt({0xb2});
constexpr std::uint64_t page = 8192;

// One frame that holds these pages of one file.
AttemptPack pack_of(BackupId backup, std::uint32_t number, const std::string& path, std::uint64_t file_pages,
                    PageRange pages) {
  AttemptPack pack;
  pack.traits = {SystemId(7), 15, 1300, 202209061, PageChecksums::on, 8192, 131072};
  pack.start = {Timeline(1), Lsn(backup == first_attempt ? 1000 : 2000)};
  pack.stored_at = Timestamp::from_micros(backup == first_attempt ? 10 + number : 1000 + number);
  pack.pack = {backup, number, EpochId({0xe1})};
  pack.object = {pack_name(database, backup, number), 300, sha256(as_bytes("p"))};
  pack.frames = {{0, 0, 0, 200, static_cast<std::uint32_t>(pages.count * page), FrameEnd::last, {1, 2}}};
  pack.files = {{path, file_pages * page}};
  pack.stretches = {
      {0, pages.first * page, pages.count * page, {{pages.first, static_cast<std::uint32_t>(pages.count), 0, 0}}}};
  return pack;
}

class AttemptPacks : public testing::Test {
 protected:
  TemporaryDirectory place_;
  PosixFileSystem files_;
  AttemptCache cache_{files_, place_.path() + "/attempts"};
};

TEST_F(AttemptPacks, ComeBackAsTheyWere) {
  const AttemptPack pack = pack_of(first_attempt, 3, "base/5/16384", 100, {10, 20});
  const auto back = decode_attempt_pack(encode_attempt_pack(pack));
  ASSERT_THAT(back, Succeeded());
  EXPECT_EQ(back->traits, pack.traits);
  EXPECT_EQ(back->start.lsn, pack.start.lsn);
  EXPECT_EQ(back->start.timeline, pack.start.timeline);
  EXPECT_EQ(back->stored_at, pack.stored_at);
  EXPECT_EQ(back->pack, pack.pack);
  EXPECT_EQ(back->object, pack.object);
  EXPECT_EQ(back->frames, pack.frames);
  EXPECT_EQ(back->files, pack.files);
  EXPECT_EQ(back->stretches, pack.stretches);
}

TEST_F(AttemptPacks, AreRefusedWhenAnyByteIsMissingOrOther) {
  const Bytes sound = encode_attempt_pack(pack_of(first_attempt, 3, "base/5/16384", 100, {10, 20}));
  for (std::size_t i = 0; i < sound.size(); ++i) {
    EXPECT_FALSE(decode_attempt_pack(ByteView(sound).first(i))) << "cut at " << i;
    Bytes damaged = sound;
    damaged[i] ^= 0x10U;
    EXPECT_FALSE(decode_attempt_pack(damaged)) << "byte " << i;
  }
}

TEST_F(AttemptPacks, AreKeptOnDiskUntilTheyAreForgotten) {
  EXPECT_THAT(cache_.load(database).value(), IsEmpty());
  ASSERT_THAT(cache_.save(database, pack_of(first_attempt, 0, "a", 9, {0, 9})), Succeeded());
  ASSERT_THAT(cache_.save(database, pack_of(first_attempt, 1, "b", 9, {0, 9})), Succeeded());
  ASSERT_THAT(files_.replace_durably(place_.path() + "/attempts/" + database.text() + "/x", as_bytes("no pack"), 0600),
              Succeeded());
  EXPECT_THAT(cache_.load(database).value(), SizeIs(2));
  ASSERT_THAT(cache_.forget(database), Succeeded());
  EXPECT_THAT(cache_.load(database).value(), IsEmpty());
  EXPECT_THAT(cache_.forget(database), Succeeded());
}

TEST(MergedAttempt, IsNothingOutOfNothing) {
  EXPECT_FALSE(merge_attempt({}));
}

TEST(MergedAttempt, HasWhatEveryPackCoversAndBeginsWithTheOldest) {
  const auto merged = merge_attempt({pack_of(second_attempt, 0, "base/5/1", 100, {30, 10}),
                                     pack_of(first_attempt, 0, "base/5/1", 90, {0, 10}),
                                     pack_of(first_attempt, 1, "base/5/1", 90, {10, 10})});
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->parent.record.start_lsn, Lsn(1000));
  EXPECT_THAT(merged->covered.at("base/5/1"), ElementsAre(PageRange{0, 20}, PageRange{30, 10}));
  ASSERT_THAT(merged->parent.manifest.files, SizeIs(1));
  const ManifestFile& file = merged->parent.manifest.files[0];
  EXPECT_EQ(file.size, 100 * page);
  EXPECT_THAT(file.extents, ElementsAre(Extent{0, 10, 0, 0}, Extent{10, 10, 1, 0}, Extent{30, 10, 2, 0}));
  ASSERT_THAT(merged->objects, SizeIs(3));
  for (const Extent& extent : file.extents) {
    const FrameRef& frame = merged->parent.manifest.frames[extent.frame];
    const PackRef& pack = merged->parent.manifest.packs[frame.pack];
    EXPECT_EQ(merged->objects[frame.pack].name, pack_name(database, pack.backup, pack.number));
  }
}

TEST(MergedAttempt, TakesWhatWasReadLast) {
  const auto merged = merge_attempt(
      {pack_of(first_attempt, 0, "base/5/1", 100, {0, 30}), pack_of(second_attempt, 0, "base/5/1", 100, {10, 5})});
  ASSERT_TRUE(merged);
  EXPECT_THAT(
      merged->parent.manifest.files[0].extents,
      ElementsAre(Extent{0, 10, 0, 0}, Extent{10, 5, 1, 0}, Extent{15, 15, 0, static_cast<std::uint32_t>(15 * page)}));
}

TEST(MergedAttempt, LeavesOutAnotherTimelineAndAnotherCluster) {
  AttemptPack other_timeline = pack_of(first_attempt, 0, "base/5/1", 100, {0, 10});
  other_timeline.start.timeline = Timeline(2);
  AttemptPack other_cluster = pack_of(first_attempt, 1, "base/5/2", 100, {0, 10});
  other_cluster.traits.page_checksums = PageChecksums::off;
  const auto merged =
      merge_attempt({other_timeline, other_cluster, pack_of(second_attempt, 0, "base/5/3", 100, {0, 10})});
  ASSERT_TRUE(merged);
  EXPECT_THAT(merged->covered, testing::ElementsAre(testing::Key("base/5/3")));
  EXPECT_EQ(merged->parent.record.start_lsn, Lsn(2000));
}

TEST(Gaps, AreReadBesideWhatChanged) {
  EXPECT_THAT(with_gaps({{5, 2}}, {{0, 10}, {20, 10}}, 40),
              ElementsAre(PageRange{5, 2}, PageRange{10, 10}, PageRange{30, 10}));
  EXPECT_THAT(with_gaps({{9, 1}}, {{0, 10}}, 12), ElementsAre(PageRange{9, 3}));
  EXPECT_THAT(with_gaps({}, {}, 3), ElementsAre(PageRange{0, 3}));
  EXPECT_THAT(with_gaps({}, {{0, 50}}, 12), IsEmpty());
}

std::vector<DataFile> listing(const std::string& path, std::uint64_t pages) {
  DataFile file;
  file.path = path;
  file.kind = FileKind::file;
  file.size = pages * page;
  file.relation = relation_file(path);
  return {file};
}

TEST(ResumedPlan, ReadsWhatWasNotCopiedAndWhatChangedSince) {
  const auto attempt = merge_attempt({pack_of(first_attempt, 0, "base/5/16384", 100, {0, 40})});
  ChangeMap changes;
  changes.block_changed({1663, 5, 16384, Fork::main}, 7);
  PlanSummary summary;
  const auto entries = listing("base/5/16384", 100);
  const CopyPlan plan = plan_resumed(entries, "global/pg_control", *attempt, changes, {}, summary);
  std::vector<FileSpan> spans;
  for (const auto& unit : plan.units) spans.insert(spans.end(), unit.begin(), unit.end());
  EXPECT_THAT(spans, ElementsAre(FileSpan{0, 7 * page, page}, FileSpan{0, 40 * page, 60 * page}));
  const auto& kept = plan.taken_over.at(0).kept;
  ASSERT_TRUE(kept);
  EXPECT_THAT(*kept, ElementsAre(Extent{0, 7, 0, 0}, Extent{8, 32, 0, static_cast<std::uint32_t>(8 * page)}));
}

TEST(ResumedPlan, ReadsAFileWholeThatWasMadeAnewSince) {
  const auto attempt = merge_attempt({pack_of(first_attempt, 0, "base/5/16384", 100, {0, 100})});
  ChangeMap changes;
  changes.limited({1663, 5, 16384, Fork::main}, 0);
  PlanSummary summary;
  const auto entries = listing("base/5/16384", 100);
  const CopyPlan plan = plan_resumed(entries, "global/pg_control", *attempt, changes, {}, summary);
  ASSERT_THAT(plan.units, SizeIs(1));
  EXPECT_THAT(plan.units[0], ElementsAre(FileSpan{0, 0, 100 * page}));
  EXPECT_FALSE(plan.taken_over.contains(0) && plan.taken_over.at(0).kept);
}

}  // namespace
}  // namespace holdfast
