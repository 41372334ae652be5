#include "agent/incremental/gathering.h"

#include <gmock/gmock.h>

#include <random>
#include <set>

#include "agent/incremental/incremental_plan.h"
#include "shared/repository/layout.h"

namespace holdfast {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::uint64_t page = 8192;
constexpr std::uint32_t frame_pages = 16;

TEST(PacksToGather, AreThoseOfWhichHardlyAnythingIsAlive) {
  EXPECT_THAT(packs_to_gather({{3000, 3000}, {3000, 1000}, {3000, 999}, {3000, 1}, {3000, 0}}, {}),
              ElementsAre(false, false, true, true, false));
}

TEST(PacksToGather, AreSmallOnesTooWhenThereAreMany) {
  const GatheringRules rules{3, 2, 100};
  EXPECT_THAT(packs_to_gather({{100, 90}, {101, 90}, {50, 50}}, rules), ElementsAre(false, false, false));
  EXPECT_THAT(packs_to_gather({{100, 90}, {101, 90}, {50, 50}, {1, 1}}, rules), ElementsAre(true, false, true, true));
  // What is not needed anyway does not count.
  EXPECT_THAT(packs_to_gather({{100, 90}, {101, 90}, {50, 0}, {1, 1}}, rules), ElementsAre(false, false, false, false));
}

// A cluster of one table, backed up again and again; each page's content is the round in which it last changed.
class Gathering : public testing::Test {
 protected:
  static constexpr const char* path = "base/5/16384";
  const DatabaseId database_{{0xd1}};

  void back_up_whole(std::uint32_t pages) {
    versions_.assign(pages, 0);
    parent_ = {};
    parent_.manifest.database = database_;
    CopyPlan plan;
    plan.units = {{{0, 0, pages * page}}};
    end_backup(plan);
  }

  // The backup's plan after these pages changed.
  CopyPlan back_up_after(const std::set<std::uint32_t>& changed) {
    ++round_;
    ChangeMap changes;
    for (const std::uint32_t one : changed) {
      changes.block_changed({1663, 5, 16384, Fork::main}, one);
      versions_[one] = round_;
    }
    DataFile file;
    file.path = path;
    file.size = versions_.size() * page;
    file.relation = relation_file(path);
    summary_ = {};
    CopyPlan plan = plan_changed({file}, "global/pg_control", parent_, changes, {}, summary_);
    end_backup(plan);
    return plan;
  }

  std::size_t packs_of_earlier() const { return parent_.record.needed_packs.size(); }

  // What a restore would find in each page.
  std::vector<int> restored() const {
    std::vector<int> out(versions_.size(), -1);
    for (const Extent& extent : parent_.manifest.files.at(0).extents) {
      const FrameRef& frame = parent_.manifest.frames.at(extent.frame);
      const auto& content = stored_.at(parent_.manifest.packs.at(frame.pack).backup).at(frame.number);
      for (std::uint32_t i = 0; i < extent.pages; ++i) {
        EXPECT_EQ(out.at(extent.first_page + i), -1) << "page " << extent.first_page + i << " is named twice";
        out.at(extent.first_page + i) = content.at(extent.offset / page + i);
      }
    }
    return out;
  }

  int round_ = 0;
  std::vector<int> versions_;
  ParentBackup parent_;
  PlanSummary summary_;
  std::uint64_t written_pages_ = 0;

 private:
  // What the copier and the writer do with a plan: one pack of what is read; tables without what nothing names.
  void end_backup(const CopyPlan& plan) {
    ParentBackup next;
    next.manifest.database = database_;
    next.manifest.files = {{path, EntryKind::file, 0600, "", "", versions_.size() * page, {}, "", {}}};
    auto& extents = next.manifest.files[0].extents;
    const BackupId self({static_cast<std::uint8_t>(round_ >> 8), static_cast<std::uint8_t>(round_), 1});
    std::map<std::uint32_t, std::uint32_t> new_frames;
    std::map<std::uint32_t, std::uint32_t> new_packs;
    if (const auto taken = plan.taken_over.find(0); taken != plan.taken_over.end() && taken->second.kept) {
      for (Extent extent : *taken->second.kept) {
        const FrameRef& old = parent_.manifest.frames[extent.frame];
        const auto [pack, is_new_pack] = new_packs.emplace(old.pack, next.manifest.packs.size());
        if (is_new_pack) keep_pack(next, old.pack);
        const auto [frame, is_new] = new_frames.emplace(extent.frame, next.manifest.frames.size());
        if (is_new) next.manifest.frames.push_back(old);
        next.manifest.frames[frame->second].pack = pack->second;
        extent.frame = frame->second;
        extents.push_back(extent);
      }
    }
    std::vector<std::uint32_t> read;
    for (const auto& unit : plan.units) {
      for (const FileSpan& span : unit) {
        for (std::uint64_t at = span.offset; at < span.offset + span.length; at += page) read.push_back(at / page);
      }
    }
    write(next, self, read);
    std::ranges::sort(extents, {}, &Extent::first_page);
    parent_ = std::move(next);
  }

  void keep_pack(ParentBackup& next, std::uint32_t old) const {
    const PackRef& pack = parent_.manifest.packs[old];
    next.manifest.packs.push_back(pack);
    const std::string name = pack_name(database_, pack.backup, pack.number);
    for (const auto& object : parent_.record.objects) {
      if (object.name == name) next.record.needed_packs.push_back({object, 1});
    }
    for (const auto& needed : parent_.record.needed_packs) {
      if (needed.object.name == name) next.record.needed_packs.push_back(needed);
    }
  }

  void write(ParentBackup& next, BackupId self, const std::vector<std::uint32_t>& read) {
    if (read.empty()) return;
    written_pages_ += read.size();
    const auto pack = static_cast<std::uint32_t>(next.manifest.packs.size());
    next.manifest.packs.push_back({self, 0, EpochId({0xe1})});
    auto& frames = stored_[self];
    for (std::size_t at = 0; at < read.size(); at += frame_pages) {
      const auto end = std::min<std::size_t>(at + frame_pages, read.size());
      const auto frame = static_cast<std::uint32_t>(next.manifest.frames.size());
      const auto size = static_cast<std::uint32_t>((end - at) * page);
      next.manifest.frames.push_back({pack, static_cast<std::uint32_t>(frames.size()), 0, size, size, {}, {}});
      auto& content = frames.emplace_back();
      for (std::size_t i = at; i < end; ++i) {
        content.push_back(versions_[read[i]]);
        next.manifest.files[0].extents.push_back({read[i], 1, frame, static_cast<std::uint32_t>((i - at) * page)});
      }
    }
    next.record.objects = {{pack_name(database_, self, 0), read.size() * page, {}}};
  }

  std::map<BackupId, std::vector<std::vector<int>>> stored_;  // by frame
};

TEST_F(Gathering, ReadsWhatIsLeftOfAPackThatIsMostlyDead) {
  back_up_whole(100);
  std::set<std::uint32_t> most;
  for (std::uint32_t i = 0; i < 60; ++i) most.insert(i);
  EXPECT_THAT(back_up_after(most).taken_over.at(0).kept->size(), 40U);
  EXPECT_EQ(summary_.gathered.packs, 0U);
  // Three in ten of the first pack are left: they come along.
  std::set<std::uint32_t> more;
  for (std::uint32_t i = 60; i < 70; ++i) more.insert(i);
  const CopyPlan plan = back_up_after(more);
  ASSERT_EQ(plan.units.size(), 1U);
  EXPECT_THAT(plan.units[0], ElementsAre(FileSpan{0, 60 * page, 40 * page}));
  EXPECT_EQ(summary_.gathered.packs, 1U);
  EXPECT_EQ(summary_.gathered.bytes, 30 * page);
  EXPECT_EQ(packs_of_earlier(), 1U);
  EXPECT_EQ(restored(), versions_);
}

TEST_F(Gathering, LeavesAloneWhatIsMostlyAlive) {
  back_up_whole(100);
  for (std::uint32_t i = 0; i < 60; ++i) {
    const CopyPlan plan = back_up_after({i});
    EXPECT_EQ(summary_.gathered.packs, 0U);
  }
  EXPECT_EQ(written_pages_, 160U);
  EXPECT_EQ(restored(), versions_);
}

TEST_F(Gathering, MakesOnePackOfManySmallOnes) {
  back_up_whole(1000);
  std::size_t gathered = 0;
  for (std::uint32_t i = 0; i < 200; ++i) {
    back_up_after({i});
    gathered += summary_.gathered.packs;
    // The first, one that is not small any more, and the others.
    ASSERT_LE(packs_of_earlier(), 2 + GatheringRules().small_packs);
  }
  EXPECT_EQ(gathered, 3 * (1 + GatheringRules().small_packs));
  EXPECT_EQ(restored(), versions_);
}

TEST_F(Gathering, ReadsSmallFilesAnewInsteadOfComparingThem) {
  parent_.manifest.database = database_;
  parent_.manifest.packs = {{BackupId({1}), 0, {}}};
  parent_.manifest.frames = {{0, 0, 0, 500, 500, {}, {}}};
  parent_.record.objects = {{pack_name(database_, BackupId({1}), 0), 100'000, {}}};
  std::map<std::size_t, TakenOver> taken_over;
  taken_over[3].known[0] = {500, {}, {{0, 1, 0, 0}}};
  std::vector<FileSpan> read{{3, 0, 500}};
  const Gathered gathered = gather(parent_, {}, taken_over, read);
  EXPECT_EQ(gathered.packs, 1U);
  EXPECT_EQ(gathered.bytes, 500U);
  EXPECT_THAT(taken_over[3].known, IsEmpty());
  EXPECT_THAT(read, ElementsAre(FileSpan{3, 0, 500}));
}

// Backups for ever, each from the one before, and nothing older is kept: what they need stays in proportion to what
// there is, for a price in proportion to what changed.
TEST_F(Gathering, BoundsWhatABackupNeedsForWhatItCosts) {
  for (const unsigned seed : {1U, 2U}) {
    std::mt19937 random(seed);
    constexpr std::uint32_t pages = 2000;
    back_up_whole(pages);
    written_pages_ = 0;
    std::uint64_t changed_pages = 0;
    std::uint64_t gathered = 0;
    for (int i = 0; i < 300; ++i) {
      std::set<std::uint32_t> changed;
      const std::uint32_t hot = random() % 2 == 0 ? pages : pages / 20;
      const std::uint32_t count = 1 + random() % 60;
      while (changed.size() < count) changed.insert(random() % hot);
      changed_pages += changed.size();
      back_up_after(changed);
      gathered += summary_.gathered.bytes / page;
      ASSERT_EQ(restored(), versions_) << "seed " << seed << " round " << i;
      std::uint64_t needed = 0;
      std::size_t small = 0;
      for (const NeededPack& pack : parent_.record.needed_packs) {
        needed += pack.object.size;
        small += pack.object.size <= GatheringRules().small_size ? 1 : 0;
      }
      ASSERT_LE(needed, 3 * pages * page) << "seed " << seed << " round " << i;
      ASSERT_LE(small, GatheringRules().small_packs) << "seed " << seed << " round " << i;
    }
    // Half of what died, and each small pack once more for every 64 of them.
    EXPECT_LE(written_pages_, changed_pages * 2) << "seed " << seed;
    EXPECT_EQ(written_pages_, changed_pages + gathered);
  }
}

}  // namespace
}  // namespace holdfast
