#include "agent/changes/block_chunk.h"

#include <bit>
#include <iterator>

namespace holdfast {
namespace {

using Words = std::vector<std::uint16_t>;

constexpr std::uint32_t bits = 16;
constexpr std::uint32_t all_set = 0xFFFF;

void set_bit(Words& bitmap, std::uint32_t block) {
  bitmap[block / bits] = static_cast<std::uint16_t>(bitmap[block / bits] | (1U << (block % bits)));
}

// The first block in [from, end) whose bit is 1 in the words XORed with `flip`; end when there is none.
std::uint32_t find_bit(const Words& bitmap, std::uint32_t from, std::uint32_t end, std::uint32_t flip) {
  while (from < end) {
    const std::uint32_t rest = (bitmap[from / bits] ^ flip) >> (from % bits);
    if (rest != 0) return std::min(end, from + static_cast<std::uint32_t>(std::countr_zero(rest)));
    from = (from / bits + 1) * bits;
  }
  return end;
}

}  // namespace

BlockChunk BlockChunk::of_bitmap(ByteView bitmap) {
  Words words(blocks / bits);
  for (std::size_t i = 0; i < words.size(); ++i) {
    words[i] = static_cast<std::uint16_t>(bitmap[2 * i] | (bitmap[2 * i + 1] << 8U));
  }
  BlockChunk chunk;
  chunk.keep(std::move(words));
  return chunk;
}

void BlockChunk::append_bitmap(Bytes& to) const {
  for (const std::uint16_t word : as_bitmap()) append_le(to, word);
}

bool BlockChunk::insert_anywhere(std::uint16_t block) {
  if (is_full()) return false;
  if (count_ < sparse_limit) {
    const auto place = std::ranges::lower_bound(words_, block);
    if (place != words_.end() && *place == block) return false;
    words_.insert(place, block);
    ++count_;
    return true;
  }
  if (is_sparse()) {
    if (contains(block)) return false;
    words_ = as_bitmap();
  } else if ((words_[block / word_bits] >> (block % word_bits) & 1U) != 0) {
    return false;
  }
  set_bit(words_, block);
  if (++count_ == blocks) Words().swap(words_);
  return true;
}

void BlockChunk::insert_range(BlockRange range) {
  if (range.count == blocks) return fill();
  if (is_full()) return;
  if (is_sparse() && count_ + range.count <= sparse_limit) {
    for (std::uint32_t i = 0; i < range.count; ++i) insert(static_cast<std::uint16_t>(range.first + i));
    return;
  }
  if (is_sparse()) words_ = as_bitmap();
  for (std::uint32_t block = range.first; block < range.first + range.count; ++block) {
    count_ += 1U - (words_[block / bits] >> (block % bits) & 1U);
    set_bit(words_, block);
  }
  if (is_sparse()) return keep(std::move(words_));  // most of the range was there
  if (is_full()) Words().swap(words_);
}

void BlockChunk::erase_from(std::uint16_t block) {
  if (is_sparse()) {
    words_.erase(std::ranges::lower_bound(words_, block), words_.end());
    count_ = static_cast<std::uint32_t>(words_.size());
    return;
  }
  Words bitmap = as_bitmap();
  const std::uint32_t first_word = block / bits;
  bitmap[first_word] = static_cast<std::uint16_t>(bitmap[first_word] & ((1U << (block % bits)) - 1U));
  std::fill(bitmap.begin() + first_word + 1, bitmap.end(), std::uint16_t{0});
  keep(std::move(bitmap));
}

void BlockChunk::merge(const BlockChunk& other) {
  if (is_full() || other.count_ == 0) return;
  if (other.is_full()) return fill();
  if (count_ + other.count_ <= sparse_limit) {
    Words both;
    both.reserve(count_ + other.count_);
    std::ranges::set_union(words_, other.words_, std::back_inserter(both));
    words_ = std::move(both);
    count_ = static_cast<std::uint32_t>(words_.size());
    return;
  }
  Words bitmap = as_bitmap();
  const Words more = other.as_bitmap();
  for (std::size_t i = 0; i < bitmap.size(); ++i) bitmap[i] = static_cast<std::uint16_t>(bitmap[i] | more[i]);
  keep(std::move(bitmap));
}

void BlockChunk::fill() {
  Words().swap(words_);
  count_ = blocks;
}

bool BlockChunk::contains(std::uint16_t block) const {
  if (is_full()) return true;
  if (is_sparse()) return std::ranges::binary_search(words_, block);
  return (words_[block / word_bits] >> (block % word_bits) & 1U) != 0;
}

Words BlockChunk::as_bitmap() const {
  if (is_full()) return Words(blocks / bits, all_set);
  if (!is_sparse()) return words_;
  Words bitmap(blocks / bits);
  for (const std::uint16_t block : words_) set_bit(bitmap, block);
  return bitmap;
}

void BlockChunk::keep(Words bitmap) {
  count_ = 0;
  for (const std::uint16_t word : bitmap) count_ += static_cast<std::uint32_t>(std::popcount(word));
  if (is_full()) return Words().swap(words_);
  if (!is_sparse()) {
    words_ = std::move(bitmap);
    return;
  }
  Words sparse;
  sparse.reserve(count_);
  for (std::uint32_t at = find_bit(bitmap, 0, blocks, 0); at < blocks; at = find_bit(bitmap, at + 1, blocks, 0)) {
    sparse.push_back(static_cast<std::uint16_t>(at));
  }
  words_ = std::move(sparse);
}

BlockRange BlockChunk::next_run(std::uint32_t first, std::uint32_t end) const {
  if (first >= end) return {};
  if (is_full()) return {first, end - first};
  if (is_sparse()) return next_sparse_run(first, end);
  const std::uint32_t from = find_bit(words_, first, end, 0);
  return {from, find_bit(words_, from, end, all_set) - from};
}

BlockRange BlockChunk::next_sparse_run(std::uint32_t first, std::uint32_t end) const {
  auto at = std::ranges::lower_bound(words_, first);
  if (at == words_.end() || *at >= end) return {};
  BlockRange run{*at, 0};
  while (at != words_.end() && *at < end && *at == run.first + run.count) {
    ++run.count;
    ++at;
  }
  return run;
}

}  // namespace holdfast
