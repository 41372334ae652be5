#include "agent/changes/block_set.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <set>

namespace holdfast {
namespace {

using Model = std::set<std::uint32_t>;

Model blocks_of(const BlockSet& set, std::uint32_t first = 0, std::uint32_t end = no_block) {
  Model out;
  std::uint64_t before = 0;
  for (const BlockRange range : set.ranges(first, end)) {
    EXPECT_GT(range.count, 0U);
    EXPECT_TRUE(out.empty() || range.first > before) << "ranges that touch are one";
    for (std::uint32_t i = 0; i < range.count; ++i) out.insert(range.first + i);
    before = std::uint64_t{range.first} + range.count;
  }
  return out;
}

// Blocks near the borders of chunks and of the dense form are the interesting ones.
std::uint32_t some_block() {
  const std::uint32_t chunk = *rc::gen::element<std::uint32_t>(0, 0, 0, 1, 2, 65'535);
  const auto within =
      *rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 65'536), rc::gen::inRange<std::uint32_t>(0, 40),
                      rc::gen::inRange<std::uint32_t>(65'500, 65'536));
  return std::min(chunk * BlockChunk::blocks + within, no_block - 1);
}

TEST(BlockSets, HoldWhatWasInsertedInAnyOrder) {
  EXPECT_TRUE(rc::check([] {
    BlockSet set;
    Model model;
    const auto steps = *rc::gen::inRange(0, 60);
    for (int step = 0; step < steps; ++step) {
      const std::uint32_t from = some_block();
      const auto run = *rc::gen::element<std::uint32_t>(1, 1, 1, 2, 30, 5000, 70'000);
      switch (*rc::gen::inRange(0, 8)) {
        case 0:
          set.erase_from(from);
          model.erase(model.lower_bound(from), model.end());
          break;
        case 1:
          set.insert(from);
          set.insert(from);
          model.insert(from);
          break;
        default:
          for (std::uint32_t block = from; block < no_block && block - from < run; ++block) {
            set.insert(block);
            model.insert(block);
          }
      }
    }
    RC_ASSERT(blocks_of(set) == model);
    RC_ASSERT(set.count() == model.size());
    RC_ASSERT(set.empty() == model.empty());
    const std::uint32_t first = some_block();
    const std::uint32_t end = std::max(first, some_block());
    RC_ASSERT(blocks_of(set, first, end) == Model(model.lower_bound(first), model.lower_bound(end)));
    RC_ASSERT(set.contains(first) == model.contains(first));
  }));
}

TEST(BlockSets, MergeToTheirUnionInTheSameForm) {
  EXPECT_TRUE(rc::check([] {
    std::array<BlockSet, 2> sets;
    BlockSet both;
    Model model;
    for (BlockSet& set : sets) {
      const auto runs = *rc::gen::inRange(0, 20);
      for (int run = 0; run < runs; ++run) {
        const std::uint32_t from = some_block();
        const auto stride = *rc::gen::inRange<std::uint32_t>(1, 20);
        for (std::uint32_t i = 0; i < 3000 && from < no_block - i * stride; ++i) {
          set.insert(from + i * stride);
          both.insert(from + i * stride);
          model.insert(from + i * stride);
        }
      }
    }
    sets[0].merge(sets[1]);
    RC_ASSERT(blocks_of(sets[0]) == model);
    RC_ASSERT(sets[0] == both);
  }));
}

TEST(BlockSets, TakeLittleMemoryWhenSparseDenseOrFull) {
  BlockSet sparse;
  for (std::uint32_t block = 0; block < 10 * BlockChunk::blocks; block += 100) sparse.insert(block);
  EXPECT_LT(sparse.memory(), 10U * 2400);
  BlockSet dense;
  for (std::uint32_t block = 0; block < 10 * BlockChunk::blocks; block += 3) dense.insert(block);
  EXPECT_LT(dense.memory(), 10U * (BlockChunk::bitmap_bytes + 200));
  BlockSet full;
  for (std::uint32_t block = 0; block < 10 * BlockChunk::blocks; ++block) full.insert(block);
  EXPECT_LT(full.memory(), 1000U);
  EXPECT_EQ(full.ranges(5, 400'000), (std::vector<BlockRange>{{5, 399'995}}));
}

TEST(BlockChunks, TakeRangesAsBlocksOneByOne) {
  EXPECT_TRUE(rc::check([] {
    BlockChunk by_range;
    BlockChunk by_block;
    const auto ranges = *rc::gen::inRange(0, 12);
    for (int i = 0; i < ranges; ++i) {
      const auto first = *rc::gen::inRange<std::uint32_t>(0, BlockChunk::blocks);
      const auto count = std::min(*rc::gen::element<std::uint32_t>(1, 3, 900, 4096, 20'000, 65'536), 65'536 - first);
      by_range.insert_range({first, count});
      for (std::uint32_t block = first; block < first + count; ++block) {
        by_block.insert(static_cast<std::uint16_t>(block));
      }
    }
    RC_ASSERT(by_range == by_block);
    Bytes bitmap;
    by_range.append_bitmap(bitmap);
    RC_ASSERT(bitmap.size() == BlockChunk::bitmap_bytes);
    RC_ASSERT(BlockChunk::of_bitmap(bitmap) == by_block);
  }));
}

}  // namespace
}  // namespace holdfast
