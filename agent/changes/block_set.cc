#include "agent/changes/block_set.h"

#include <utility>

namespace holdfast {
namespace {

constexpr std::uint32_t index_of(std::uint32_t block) {
  return block / BlockChunk::blocks;
}
constexpr std::uint16_t within(std::uint32_t block) {
  return static_cast<std::uint16_t>(block % BlockChunk::blocks);
}

void append_joined(std::vector<BlockRange>& ranges, BlockRange next) {
  if (!ranges.empty() && ranges.back().first + ranges.back().count == next.first) {
    ranges.back().count += next.count;
  } else {
    ranges.push_back(next);
  }
}

}  // namespace

void BlockSet::insert(std::uint32_t block) {
  const std::uint32_t index = index_of(block);
  if (last_ >= parts_.size() || parts_[last_].index != index) [[unlikely]] {
    last_ = place_of(index);
    if (last_ == parts_.size() || parts_[last_].index != index) {
      parts_.insert(parts_.begin() + static_cast<std::ptrdiff_t>(last_), Part{index, {}});
    }
  }
  BlockChunk& chunk = parts_[last_].chunk;
  const std::size_t before = chunk.memory();
  chunk.insert(within(block));
  part_bytes_ += chunk.memory() - before;  // wraps where a full chunk gives its bitmap back, and comes out right
}

void BlockSet::erase_from(std::uint32_t block) {
  const std::size_t place = place_of(index_of(block));
  if (place == parts_.size()) return;
  std::size_t keep = place;
  if (parts_[place].index == index_of(block)) {
    parts_[place].chunk.erase_from(within(block));
    if (parts_[place].chunk.count() != 0) ++keep;
  }
  parts_.resize(keep);
  count_memory();
}

void BlockSet::merge(const BlockSet& other) {
  std::vector<Part> merged;
  merged.reserve(parts_.size() + other.parts_.size());
  auto mine = parts_.begin();
  for (const Part& theirs : other.parts_) {
    while (mine != parts_.end() && mine->index < theirs.index) merged.push_back(std::move(*mine++));
    if (mine != parts_.end() && mine->index == theirs.index) {
      mine->chunk.merge(theirs.chunk);
      merged.push_back(std::move(*mine++));
    } else {
      merged.push_back(theirs);
    }
  }
  while (mine != parts_.end()) merged.push_back(std::move(*mine++));
  merged.shrink_to_fit();
  parts_ = std::move(merged);
  count_memory();
}

void BlockSet::append(std::uint32_t index, BlockChunk chunk) {
  part_bytes_ += chunk.memory();
  parts_.push_back({index, std::move(chunk)});
}

void BlockSet::fill(std::size_t place) {
  part_bytes_ -= parts_[place].chunk.memory();
  parts_[place].chunk.fill();
}

bool BlockSet::contains(std::uint32_t block) const {
  const std::size_t place = place_of(index_of(block));
  return place < parts_.size() && parts_[place].index == index_of(block) && parts_[place].chunk.contains(within(block));
}

std::uint64_t BlockSet::count() const {
  std::uint64_t total = 0;
  for (const Part& part : parts_) total += part.chunk.count();
  return total;
}

std::vector<BlockRange> BlockSet::ranges(std::uint32_t first, std::uint32_t end) const {
  std::vector<BlockRange> out;
  for (std::size_t place = place_of(index_of(first)); place < parts_.size(); ++place) {
    const std::uint64_t base = std::uint64_t{parts_[place].index} * BlockChunk::blocks;
    if (base >= end) break;
    const auto from = static_cast<std::uint32_t>(first > base ? first - base : 0);
    const auto to = static_cast<std::uint32_t>(std::min<std::uint64_t>(end - base, BlockChunk::blocks));
    parts_[place].chunk.visit_runs(from, to, [&](BlockRange run) {
      append_joined(out, {static_cast<std::uint32_t>(base) + run.first, run.count});
    });
  }
  return out;
}

std::size_t BlockSet::place_of(std::uint32_t index) const {
  const auto found = std::ranges::lower_bound(parts_, index, {}, &Part::index);
  return static_cast<std::size_t>(found - parts_.begin());
}

void BlockSet::count_memory() {
  part_bytes_ = 0;
  for (const Part& part : parts_) part_bytes_ += part.chunk.memory();
}

}  // namespace holdfast
