#include "agent/changes/change_map.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/agent/changes/naive_changes.h"

namespace holdfast {
namespace {

constexpr RelationFork table{1663, 5, 16384, Fork::main};
constexpr RelationFork other_table{1663, 6, 16384, Fork::main};

ChangeMap map_of(const std::vector<ChangeEvent>& events, ChangeMap::Limits limits = {}) {
  ChangeMap map(limits);
  for (const ChangeEvent& event : events) event.tell(map);
  return map;
}

std::vector<std::uint32_t> interesting_blocks(const std::set<std::uint32_t>& model) {
  std::vector<std::uint32_t> out = {0, 1, 65'535, 65'536, 131'071, 131'072, NaiveChanges::end - 1};
  if (!model.empty()) out.insert(out.end(), {*model.begin(), *model.rbegin()});
  const std::size_t stride = model.size() / 500 + 1;
  std::size_t n = 0;
  for (const std::uint32_t block : model) {
    if (n++ % stride == 0) out.insert(out.end(), {block, block + 1});
  }
  std::erase_if(out, [](std::uint32_t block) { return block >= NaiveChanges::end; });
  return out;
}

TEST(ChangeMaps, SayTheSameAsAListOfBlocks) {
  EXPECT_TRUE(rc::check([] {
    const auto events = some_events();
    const ChangeMap map = map_of(events);
    NaiveChanges naive;
    for (const ChangeEvent& event : events) event.tell(naive);
    for (const auto& [fork, blocks] : naive.forks()) {
      RC_ASSERT(map.is_database_replaced(fork.tablespace, fork.database) == naive.is_replaced(fork));
      for (const std::uint32_t block : interesting_blocks(blocks)) {
        RC_ASSERT(map.contains(fork, block) == naive.contains(fork, block));
      }
      if (naive.is_replaced(fork)) continue;
      const ForkChange* change = map.change_of(fork);
      RC_ASSERT(change != nullptr);
      std::set<std::uint32_t> found;
      for (const BlockRange range : change->marks.ranges(0, no_block)) {
        for (std::uint32_t i = 0; i < range.count; ++i) found.insert(range.first + i);
      }
      if (change->limit != no_block) {
        for (std::uint32_t block = change->limit; block <= NaiveChanges::end; ++block) found.insert(block);
      }
      RC_ASSERT(found == blocks);
    }
  }));
}

TEST(ChangeMaps, MergedAreWhatOneMapOfBothLogsWouldBe) {
  EXPECT_TRUE(rc::check([] {
    const auto earlier = some_events();
    const auto later = some_events();
    auto both = earlier;
    both.insert(both.end(), later.begin(), later.end());
    const ChangeMap expected = map_of(both);
    ChangeMap merged = map_of(earlier);
    merged.merge(map_of(later));
    RC_ASSERT(merged == expected);
    merged.merge(map_of(later));
    RC_ASSERT(merged == expected);
    ChangeMap backwards = map_of(later);
    backwards.merge(map_of(earlier));
    backwards.forget_doubts();
    merged.forget_doubts();
    RC_ASSERT(backwards == merged);
  }));
}

TEST(ChangeMaps, WithLittleMemorySayTooMuchAndNeverTooLittle) {
  EXPECT_TRUE(rc::check([] {
    const auto events = some_events();
    const auto bytes = *rc::gen::element<std::size_t>(1, 500, 2000, 10'000);
    const ChangeMap tight = map_of(events, {.bytes = bytes});
    NaiveChanges naive;
    for (const ChangeEvent& event : events) event.tell(naive);
    // What is left when nothing more can be given up: the names of the replaced databases.
    RC_ASSERT(tight.memory() <= std::max<std::size_t>(bytes, 64 * tight.replaced_databases().size()));
    for (const auto& [fork, blocks] : naive.forks()) {
      for (const std::uint32_t block : interesting_blocks(blocks)) {
        if (naive.contains(fork, block)) RC_ASSERT(tight.contains(fork, block));
      }
    }
    RC_ASSERT(tight.doubts() == map_of(events).doubts());
    const auto decoded = ChangeMap::decode(tight.encode());
    RC_ASSERT(decoded.has_value());
    RC_ASSERT(*decoded == tight);
  }));
}

TEST(ChangeMaps, OutOfMemoryGiveUpTheFullestChunksFirst) {
  ChangeMap map({.bytes = 60'000});
  for (std::uint32_t block = 0; block < 65'536; block += 2) map.block_changed(table, block);
  map.block_changed(table, 20 * 65'536);
  for (std::uint32_t chunk = 1; map.coarsenings() == 0; ++chunk) {
    for (std::uint32_t block = 0; block < 50'000; block += 10) map.block_changed(table, chunk * 65'536 + block);
  }
  EXPECT_TRUE(map.contains(table, 1)) << "half of its chunk was changed";
  EXPECT_FALSE(map.contains(table, 20 * 65'536 + 1)) << "one block of its chunk was changed";
  EXPECT_TRUE(map.contains(table, 20 * 65'536));
  EXPECT_FALSE(map.is_database_replaced(1663, 5));
  EXPECT_LE(map.memory(), 60'000U);
}

TEST(ChangeMaps, OutOfMemoryBySmallRelationsGiveUpTheLargestDatabase) {
  ChangeMap map({.bytes = 60'000});
  map.block_changed(other_table, 7);
  RelationFork small = table;
  for (; map.coarsenings() == 0; ++small.relation) map.block_changed(small, 0);
  map.block_changed(small, 3);
  EXPECT_TRUE(map.is_database_replaced(1663, 5));
  EXPECT_FALSE(map.is_database_replaced(1663, 6));
  EXPECT_TRUE(map.contains(other_table, 7));
  EXPECT_FALSE(map.contains(other_table, 8));
}

TEST(ChangeMaps, OfAnUntouchedForkSayNothing) {
  ChangeMap map;
  EXPECT_TRUE(map.empty());
  map.block_changed(table, 3);
  EXPECT_FALSE(map.empty());
  EXPECT_EQ(map.change_of(other_table), nullptr);
  RelationFork visibility = table;
  visibility.fork = Fork::visibility;
  EXPECT_FALSE(map.contains(visibility, 3));
  EXPECT_EQ(map.forks(), std::vector<RelationFork>{table});
}

TEST(ChangeMaps, ForgetMarksThatALimitCovers) {
  ChangeMap map;
  for (const std::uint32_t block : {3U, 9U, 70'000U}) map.block_changed(table, block);
  map.limited(table, 9);
  map.block_changed(table, 12);
  EXPECT_EQ(map.change_of(table)->limit, 9U);
  EXPECT_EQ(map.change_of(table)->marks.ranges(0, no_block), (std::vector<BlockRange>{{3, 1}}));
  map.limited(table, 50);
  EXPECT_EQ(map.change_of(table)->limit, 9U) << "a table that grew again and was cut again";
  EXPECT_TRUE(map.contains(table, 10));
}

TEST(ChangeMaps, OfAReplacedDatabaseSayThatEverythingChanged) {
  ChangeMap map;
  map.block_changed(table, 3);
  map.block_changed(other_table, 3);
  map.database_replaced(1663, 5);
  map.block_changed(table, 4);
  map.limited(table, 100);
  EXPECT_TRUE(map.contains(table, 0));
  EXPECT_TRUE(map.contains({1663, 5, 99, Fork::fsm}, 77));
  EXPECT_FALSE(map.contains({1700, 5, 16384, Fork::main}, 0)) << "the database's other tablespace";
  EXPECT_EQ(map.change_of(table)->limit, 0U);
  EXPECT_EQ(map.forks(), std::vector<RelationFork>{other_table});
}

TEST(ChangeMaps, TakeWhatNoRelationHasForMore) {
  ChangeMap map;
  map.block_changed(table, no_block);
  EXPECT_TRUE(map.contains(table, 0));
  map.limited(other_table, no_block);
  EXPECT_EQ(map.change_of(other_table), nullptr);
  map.block_changed({1663, 6, 0, Fork::main}, 1);
  EXPECT_TRUE(map.is_database_replaced(1663, 6));
  map.limited({1663, 7, 0, Fork::main}, 0);
  EXPECT_TRUE(map.is_database_replaced(1663, 7));
}

TEST(ChangeMaps, CopiedAndMovedStayApart) {
  ChangeMap map;
  map.block_changed(table, 1);
  ChangeMap copy = map;
  map.block_changed(table, 2);
  copy.block_changed(table, 3);
  EXPECT_FALSE(copy.contains(table, 2));
  EXPECT_FALSE(map.contains(table, 3));
  ChangeMap moved = std::move(map);
  moved.block_changed(table, 4);
  copy = moved;
  copy.block_changed(table, 5);
  EXPECT_TRUE(moved.contains(table, 4));
  EXPECT_FALSE(moved.contains(table, 5));
}

TEST(ChangeMaps, KeepABoundedNumberOfDoubtsWithoutForgettingAPlace) {
  ChangeMap map;
  for (std::uint64_t n = 0; n < 200; ++n) map.doubted(Lsn(n * 8), std::string(1000, 'x'));
  map.doubted(Lsn(0), std::string(1000, 'x'));
  ASSERT_EQ(map.doubts().size(), ChangeMap::max_doubts);
  EXPECT_EQ(map.doubts().front(), (Doubt{Lsn(0), Lsn(0), std::string(ChangeMap::max_reason, 'x')}));
  EXPECT_EQ(map.doubts().back().first, Lsn((ChangeMap::max_doubts - 1) * 8));
  EXPECT_EQ(map.doubts().back().last, Lsn(199 * 8));
}

// 1.3 million of 134 million blocks, one fork of 1 TB.
TEST(ChangeMaps, OfOnePercentOfATerabyteFitInto8Mebibytes) {
  ChangeMap map;
  std::mt19937_64 random(1);
  for (int i = 0; i < 1'342'177; ++i) map.block_changed(table, static_cast<std::uint32_t>(random() % (1ULL << 27U)));
  EXPECT_LT(map.memory(), 8U << 20U);
  EXPECT_LT(map.encode().size(), 3U << 20U);
}

TEST(ChangeMaps, OfTenPercentOf100GigabytesFitInto2Mebibytes) {
  ChangeMap map;
  std::mt19937_64 random(1);
  for (int i = 0; i < 1'342'177; ++i) map.block_changed(table, static_cast<std::uint32_t>(random() % 13'421'770));
  EXPECT_LT(map.memory(), 2U << 20U);
  EXPECT_EQ(map.coarsenings(), 0U);
}

}  // namespace
}  // namespace holdfast
