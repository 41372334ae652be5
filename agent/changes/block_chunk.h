#pragma once
// Some of 65,536 blocks in a row, as small as their number allows: up to 4,096 as sorted numbers, more as a bitmap of
// 8 KiB, all of them in no memory at all.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "shared/base/bytes.h"

namespace holdfast {

// `count` blocks from `first` on.
struct BlockRange {
  std::uint32_t first = 0;
  std::uint32_t count = 0;
  friend bool operator==(const BlockRange&, const BlockRange&) = default;
};

class BlockChunk {
 public:
  static constexpr std::uint32_t blocks = 65'536;
  static constexpr std::size_t bitmap_bytes = blocks / 8;

  // Exactly bitmap_bytes; block n is bit n % 8 of byte n / 8, the lowest bit first.
  static BlockChunk of_bitmap(ByteView bitmap);
  void append_bitmap(Bytes& to) const;

  // Whether it was not there before.
  bool insert(std::uint16_t block) {
    if (count_ - 1U < sparse_limit - 1U && words_.back() < block) {  // neither empty nor dense, and past its end
      words_.push_back(block);
      ++count_;
      return true;
    }
    return insert_anywhere(block);
  }
  void insert_range(BlockRange range);  // range.first + range.count <= blocks
  void erase_from(std::uint16_t block);
  void merge(const BlockChunk& other);
  void fill();

  bool contains(std::uint16_t block) const;
  std::uint32_t count() const { return count_; }
  std::size_t memory() const { return words_.capacity() * sizeof(std::uint16_t); }

  // Calls visit(BlockRange) for each run of neighbours within [first, end), ascending. end <= blocks.
  template <class Visit>
  void visit_runs(std::uint32_t first, std::uint32_t end, Visit&& visit) const {
    for (BlockRange run = next_run(first, end); run.count != 0; run = next_run(run.first + run.count, end)) visit(run);
  }

  friend bool operator==(const BlockChunk&, const BlockChunk&) = default;

 private:
  static constexpr std::uint32_t sparse_limit = 4096;  // where numbers would take as much as the bitmap
  static constexpr std::uint32_t word_bits = 16;

  bool is_sparse() const { return count_ <= sparse_limit; }
  bool is_full() const { return count_ == blocks; }
  bool insert_anywhere(std::uint16_t block);
  std::vector<std::uint16_t> as_bitmap() const;
  // Takes a bitmap and keeps it in the form that its number of blocks asks for.
  void keep(std::vector<std::uint16_t> bitmap);
  BlockRange next_run(std::uint32_t first, std::uint32_t end) const;
  BlockRange next_sparse_run(std::uint32_t first, std::uint32_t end) const;

  // The form follows from count_ alone, so equal sets have equal members. Sparse: the sorted blocks. Full: empty.
  // Else the bitmap, 16 blocks a word.
  std::vector<std::uint16_t> words_;
  std::uint32_t count_ = 0;
};

}  // namespace holdfast
