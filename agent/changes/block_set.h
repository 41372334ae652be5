#pragma once
// A set of block numbers of one fork of a relation: chunks of 65,536 blocks, sorted, only those that hold any.
#include <cstdint>
#include <vector>

#include "agent/changes/block_chunk.h"

namespace holdfast {

// No block has this number (InvalidBlockNumber, src/include/storage/block.h); every block is below it.
constexpr std::uint32_t no_block = 0xFFFFFFFF;

// Blocks are below no_block. Not safe from many threads.
class BlockSet {
 public:
  struct Part {
    std::uint32_t index = 0;  // the chunk begins at block index * 65,536
    BlockChunk chunk;         // never empty
    friend bool operator==(const Part&, const Part&) = default;
  };

  // Cheap when it hits the same chunk as the call before.
  void insert(std::uint32_t block);
  void erase_from(std::uint32_t block);
  void merge(const BlockSet& other);
  // Behind all that are there: `index` is larger than that of every chunk.
  void append(std::uint32_t index, BlockChunk chunk);
  // Every block of that chunk; `place` is an index into parts().
  void fill(std::size_t place);

  bool contains(std::uint32_t block) const;
  bool empty() const { return parts_.empty(); }
  std::uint64_t count() const;
  // Within [first, end), ascending, neighbours joined.
  std::vector<BlockRange> ranges(std::uint32_t first, std::uint32_t end) const;
  const std::vector<Part>& parts() const { return parts_; }
  std::size_t memory() const { return part_bytes_ + parts_.capacity() * sizeof(Part); }

  friend bool operator==(const BlockSet& a, const BlockSet& b) { return a.parts_ == b.parts_; }

 private:
  std::size_t place_of(std::uint32_t index) const;  // of the first part that is not before it
  void count_memory();

  std::vector<Part> parts_;
  std::size_t last_ = 0;        // where insert() was last: a guess that is checked
  std::size_t part_bytes_ = 0;  // what the chunks own
};

}  // namespace holdfast
