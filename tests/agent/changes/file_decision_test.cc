#include "agent/changes/file_decision.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>
#include <set>

namespace holdfast {

void PrintTo(const FileDecision& decision, std::ostream* out) {
  *out << static_cast<int>(decision.read) << " (" << to_string(decision.reason) << "), " << decision.valid_parent_blocks
       << " of the parent, read";
  for (const BlockRange range : decision.blocks) *out << " " << range.first << "+" << range.count;
}

namespace {

constexpr std::uint32_t segment = 131'072;
constexpr std::uint64_t page = relation_block_size;
constexpr RelationFork table{1663, 5, 16384, Fork::main};
constexpr std::string_view first_file = "base/5/16384";
constexpr std::string_view third_file = "base/5/16384.2";
using Read = FileDecision::Read;

FileDecision whole(WholeReason reason) {
  return {Read::whole, reason, {}, 0};
}
FileDecision some(std::vector<BlockRange> blocks, std::uint32_t valid) {
  return {Read::some, WholeReason::not_relation, std::move(blocks), valid};
}
FileDecision nothing(std::uint32_t valid) {
  return {Read::nothing, WholeReason::not_relation, {}, valid};
}

struct Case {
  std::string name;
  FileAtBackup file;
  std::function<void(ChangeMap&)> changes;
  FileDecision expected;
};

class FileDecisions : public testing::TestWithParam<Case> {};

TEST_P(FileDecisions, FollowTheRules) {
  ChangeMap changes;
  GetParam().changes(changes);
  EXPECT_EQ(decide_file(GetParam().file, changes, segment), GetParam().expected);
}

const auto no_changes = [](ChangeMap&) {};
auto marks(std::vector<std::uint32_t> blocks) {
  return [blocks](ChangeMap& map) {
    for (const std::uint32_t block : blocks) map.block_changed(table, block);
  };
}
auto marks_up_to(std::uint32_t end) {
  return [end](ChangeMap& map) {
    for (std::uint32_t block = 0; block < end; ++block) map.block_changed(table, block);
  };
}
auto limit(std::uint32_t blocks) {
  return [blocks](ChangeMap& map) { map.limited(table, blocks); };
}

const std::vector<Case> table_of_cases = {
    {"unchanged", {first_file, 10 * page, 10 * page}, no_changes, nothing(10)},
    {"unchangedAndFull", {first_file, segment* page, segment* page}, no_changes, nothing(segment)},
    {"oneBlock", {first_file, 10 * page, 10 * page}, marks({3}), some({{3, 1}}, 10)},
    {"neighboursAreOneRange", {first_file, 10 * page, 10 * page}, marks({3, 4, 8}), some({{3, 2}, {8, 1}}, 10)},
    {"blocksOfOtherSegments", {first_file, 10 * page, 10 * page}, marks({segment + 3}), nothing(10)},
    {"blocksOfAHigherSegment",
     {third_file, 10 * page, 10 * page},
     marks({3, 2 * segment + 3, 3 * segment}),
     some({{3, 1}}, 10)},
    {"blocksPastTheEnd", {first_file, 10 * page, 10 * page}, marks({12}), nothing(10)},
    {"grown", {first_file, 100 * page, 90 * page}, no_changes, some({{90, 10}}, 90)},
    {"grownAndChanged", {first_file, 100 * page, 90 * page}, marks({5, 88, 89, 95}), some({{5, 1}, {88, 12}}, 90)},
    {"shrunk", {first_file, 10 * page, 90 * page}, no_changes, nothing(90)},
    {"shrunkAndChanged", {first_file, 10 * page, 90 * page}, marks({5, 50}), some({{5, 1}}, 90)},
    {"parentWasEmpty", {first_file, 10 * page, 0}, no_changes, whole(WholeReason::mostly_changed)},
    {"cutAtItsNewSize", {first_file, 40 * page, 90 * page}, limit(40), nothing(40)},
    {"cutAndGrownAgain", {first_file, 100 * page, 100 * page}, limit(40), some({{40, 60}}, 40)},
    {"cutBelowOneChange",
     {first_file, 100 * page, 100 * page},
     [](ChangeMap& map) {
       marks({7, 39})(map);
       limit(40)(map);
     },
     some({{7, 1}, {39, 61}}, 40)},
    {"cutWithinAHigherSegment", {third_file, 100 * page, 100 * page}, limit(2 * segment + 40), some({{40, 60}}, 40)},
    {"cutBehindTheSegment", {first_file, segment* page, segment* page}, limit(2 * segment), nothing(segment)},
    {"cutAtTheSegmentsStart", {third_file, 100 * page, 100 * page}, limit(2 * segment), whole(WholeReason::replaced)},
    {"cutBeforeTheSegment", {third_file, 100 * page, 100 * page}, limit(17), whole(WholeReason::replaced)},
    {"madeAnew", {first_file, 100 * page, 100 * page}, limit(0), whole(WholeReason::replaced)},
    {"databaseReplaced",
     {first_file, 10 * page, 10 * page},
     [](ChangeMap& map) { map.database_replaced(1663, 5); },
     whole(WholeReason::database_replaced)},
    {"otherDatabaseReplaced",
     {first_file, 10 * page, 10 * page},
     [](ChangeMap& map) { map.database_replaced(1663, 6); },
     nothing(10)},
    {"sameDatabaseInAnotherTablespaceReplaced",
     {first_file, 10 * page, 10 * page},
     [](ChangeMap& map) { map.database_replaced(16999, 5); },
     nothing(10)},
    {"inATablespace",
     {"pg_tblspc/16999/PG_15_202209061/5/16384", 10 * page, 10 * page},
     [](ChangeMap& map) { map.database_replaced(16999, 5); },
     whole(WholeReason::database_replaced)},
    {"otherFork",
     {first_file, 10 * page, 10 * page},
     [](ChangeMap& map) {
       map.block_changed({1663, 5, 16384, Fork::visibility}, 0);
     },
     nothing(10)},
    {"sharedRelation",
     {"global/1262", 10 * page, 10 * page},
     [](ChangeMap& map) {
       map.block_changed({1664, 0, 1262, Fork::main}, 2);
     },
     some({{2, 1}}, 10)},
    {"ninetyPercent", {first_file, 10 * page, 10 * page}, marks_up_to(9), some({{0, 9}}, 10)},
    {"moreThanNinetyPercent",
     {first_file, 100 * page, 100 * page},
     marks_up_to(91),
     whole(WholeReason::mostly_changed)},
    {"oneBlockOfOne", {first_file, page, page}, marks({0}), whole(WholeReason::mostly_changed)},
    {"notInTheParent", {first_file, 10 * page, std::nullopt}, no_changes, whole(WholeReason::not_in_parent)},
    {"empty", {first_file, 0, 10 * page}, no_changes, whole(WholeReason::empty)},
    {"halfABlock", {first_file, 10 * page + 1, 10 * page}, no_changes, whole(WholeReason::odd_size)},
    {"parentWithHalfABlock", {first_file, 10 * page, 10 * page - 1}, no_changes, whole(WholeReason::odd_parent)},
    {"longerThanASegment", {first_file, (segment + 1) * page, 10 * page}, no_changes, whole(WholeReason::too_long)},
    {"parentLongerThanASegment",
     {first_file, 10 * page, (segment + 1) * page},
     no_changes,
     whole(WholeReason::odd_parent)},
    {"freeSpaceMap", {"base/5/16384_fsm", 3 * page, 3 * page}, no_changes, whole(WholeReason::free_space_map)},
    {"visibilityMap", {"base/5/16384_vm", page, page}, no_changes, whole(WholeReason::visibility_map)},
    {"initFork", {"base/5/16384_init", page, page}, no_changes, whole(WholeReason::init_fork)},
    {"temporary", {"base/5/t3_16384", page, page}, no_changes, whole(WholeReason::temporary)},
    {"controlFile", {"global/pg_control", page, page}, no_changes, whole(WholeReason::not_relation)},
    {"commitLog", {"pg_xact/0000", 32 * page, 32 * page}, no_changes, whole(WholeReason::not_relation)},
    {"mapFile", {"base/5/pg_filenode.map", 524, 524}, no_changes, whole(WholeReason::not_relation)},
};

INSTANTIATE_TEST_SUITE_P(Of, FileDecisions, testing::ValuesIn(table_of_cases),
                         [](const auto& row) { return row.param.name; });

TEST(FileDecision, KnowsOtherSegmentSizes) {
  ChangeMap changes;
  changes.block_changed(table, 16 + 3);
  EXPECT_EQ(decide_file({"base/5/16384.1", 10 * page, 10 * page}, changes, 16), some({{3, 1}}, 10));
  EXPECT_EQ(decide_file({"base/5/16384.1", 17 * page, 10 * page}, changes, 16), whole(WholeReason::too_long));
}

TEST(FileDecision, ReachesTheLastBlockThereCanBe) {
  ChangeMap changes;
  changes.block_changed(table, no_block - 1);
  EXPECT_EQ(decide_file({"base/5/16384.32767", segment * page, segment * page}, changes, segment),
            some({{segment - 2, 1}}, segment));
}

TEST(FileDecision, HasWordsForEveryReason) {
  std::set<std::string_view> words;
  for (int reason = 0; reason <= static_cast<int>(WholeReason::mostly_changed); ++reason) {
    words.insert(to_string(static_cast<WholeReason>(reason)));
  }
  EXPECT_EQ(words.size(), static_cast<std::size_t>(WholeReason::mostly_changed) + 1);
  EXPECT_FALSE(words.contains("unknown"));
}

// One relation block by block, with a content that every change makes another one. The parent is copied at a random
// moment after its start, this backup at its own start; what the decision takes from the parent must be right.
struct Relation {
  std::vector<int> blocks;
  int next_content = 1;
};

TEST(FileDecision, NeverTakesABlockFromTheParentThatCouldDiffer) {
  constexpr std::uint32_t small_segment = 16;
  EXPECT_TRUE(rc::check([] {
    Relation relation;
    const auto first_blocks = *rc::gen::inRange<std::size_t>(0, 60);
    for (std::size_t i = 0; i < first_blocks; ++i) relation.blocks.push_back(relation.next_content++);
    ChangeMap changes;
    const auto steps = *rc::gen::inRange(0, 30);
    const auto copied_at = *rc::gen::inRange(0, steps + 1);
    std::vector<int> parent;
    for (int step = 0; step <= steps; ++step) {
      if (step == copied_at) parent = relation.blocks;
      if (step == steps) break;
      const auto size = static_cast<std::uint32_t>(relation.blocks.size());
      switch (*rc::gen::inRange(0, 12)) {
        case 0: {  // truncated
          const auto left = *rc::gen::inRange<std::uint32_t>(0, size + 1);
          relation.blocks.resize(left);
          changes.limited(table, left);
          break;
        }
        case 1:  // extended by blocks that are zero and not logged
        case 2:
          relation.blocks.resize(size + *rc::gen::inRange<std::uint32_t>(0, 20));
          break;
        case 3:  // dropped and made again under its number
          if (*rc::gen::inRange(0, 3) == 0) {
            relation.blocks.clear();
            changes.limited(table, 0);
          }
          break;
        case 4:
          if (*rc::gen::inRange(0, 10) == 0) {
            relation.blocks.assign(*rc::gen::inRange<std::size_t>(0, 40), relation.next_content++);
            changes.database_replaced(table.tablespace, table.database);
          }
          break;
        default: {
          if (size == 0) break;
          const auto block = *rc::gen::inRange<std::uint32_t>(0, size);
          relation.blocks[block] = relation.next_content++;
          changes.block_changed(table, block);
        }
      }
    }
    for (std::uint32_t number = 0; number * small_segment < relation.blocks.size(); ++number) {
      const std::size_t start = std::size_t{number} * small_segment;
      const std::size_t blocks = std::min<std::size_t>(relation.blocks.size() - start, small_segment);
      const std::string path = number == 0 ? "base/5/16384" : "base/5/16384." + std::to_string(number);
      std::optional<std::uint64_t> parent_size;
      if (start < parent.size() || number == 0) {
        parent_size = std::min<std::size_t>(parent.size() - std::min(parent.size(), start), small_segment) * page;
      }
      const FileDecision decision = decide_file({path, blocks * page, parent_size}, changes, small_segment);
      if (decision.read == Read::whole) continue;
      RC_ASSERT(decision.valid_parent_blocks <= *parent_size / page);
      std::set<std::uint32_t> read;
      std::uint64_t before = 0;
      for (const BlockRange range : decision.blocks) {
        RC_ASSERT(range.count > 0);
        RC_ASSERT((read.empty() || range.first > before));
        for (std::uint32_t i = 0; i < range.count; ++i) read.insert(range.first + i);
        before = range.first + range.count;
      }
      RC_ASSERT(before <= blocks);
      RC_ASSERT((decision.read == Read::nothing) == read.empty());
      for (std::uint32_t block = 0; block < blocks; ++block) {
        if (read.contains(block)) continue;
        RC_ASSERT(block < decision.valid_parent_blocks);
        RC_ASSERT(parent[start + block] == relation.blocks[start + block]);
      }
    }
  }));
}

}  // namespace
}  // namespace holdfast
