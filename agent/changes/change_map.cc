#include "agent/changes/change_map.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace holdfast {
namespace {

// A node of forks_ with its share of the table and what the allocator adds.
constexpr std::size_t fork_bytes = sizeof(RelationFork) + sizeof(ForkChange) + 48;
constexpr std::size_t replaced_bytes = 64;

}  // namespace

std::size_t RelationForkHash::operator()(const RelationFork& fork) const {
  constexpr std::uint64_t odd = 0x9E3779B97F4A7C15;  // 2^64 / golden ratio: spreads numbers that follow each other
  const std::uint64_t place = (std::uint64_t{fork.tablespace} << 32U | fork.database) * odd;
  const std::uint64_t file = std::uint64_t{fork.relation} << 2U | static_cast<std::uint64_t>(fork.fork);
  const std::uint64_t mixed = (place ^ (place >> 32U) ^ file) * odd;
  return mixed ^ (mixed >> 32U);
}

void ChangeMap::block_changed(const RelationFork& fork, std::uint32_t block) {
  RecentForks::Slot& recent = recent_.slot_of(fork);
  if (!recent.valid || recent.fork != fork) [[unlikely]] {
    if (fork.relation == 0) return database_replaced(fork.tablespace, fork.database);
    recent = {true, fork, changing(fork)};
  }
  ForkChange* const change = recent.change;
  if (change == nullptr || block >= change->limit) [[unlikely]] {
    if (change != nullptr && block == no_block) limited(fork, 0);
    return;
  }
  const std::size_t before = change->marks.memory();
  change->marks.insert(block);
  if (const std::size_t after = change->marks.memory(); after != before) counted_marks(before, after);
}

void ChangeMap::limited(const RelationFork& fork, std::uint32_t blocks) {
  if (fork.relation == 0) return database_replaced(fork.tablespace, fork.database);
  if (blocks == no_block) return;  // nothing can be past it
  ForkChange* const change = changing(fork);
  if (change == nullptr || blocks >= change->limit) return;
  change->limit = blocks;
  const std::size_t before = change->marks.memory();
  if (blocks == 0) {
    change->marks = {};
  } else {
    change->marks.erase_from(blocks);
  }
  counted_marks(before, change->marks.memory());
}

void ChangeMap::database_replaced(std::uint32_t tablespace, std::uint32_t database) {
  if (!replaced_.emplace(tablespace, database).second) return;
  recent_.forget();
  std::erase_if(forks_, [&](const auto& entry) {
    const auto& [fork, change] = entry;
    if (fork.tablespace != tablespace || fork.database != database) return false;
    mark_bytes_ -= change.marks.memory();
    return true;
  });
}

void ChangeMap::doubted(Lsn at, std::string reason) {
  doubted(Doubt{at, at, std::move(reason)});
}

void ChangeMap::doubted(Doubt doubt) {
  doubt.reason.resize(std::min(doubt.reason.size(), max_reason));
  if (std::ranges::find(doubts_, doubt) != doubts_.end()) return;
  if (doubts_.size() < max_doubts) {
    doubts_.push_back(std::move(doubt));
    return;
  }
  Doubt& last = doubts_.back();
  last.first = std::min(last.first, doubt.first);
  last.last = std::max(last.last, doubt.last);
}

void ChangeMap::merge(const ChangeMap& other) {
  for (const auto& [tablespace, database] : other.replaced_) database_replaced(tablespace, database);
  for (const auto& [fork, change] : other.forks_) add(fork, change);
  for (const Doubt& doubt : other.doubts_) doubted(doubt);
}

void ChangeMap::add(const RelationFork& fork, const ForkChange& change) {
  ForkChange* const mine = changing(fork);
  if (mine == nullptr) return;
  const std::size_t before = mine->marks.memory();
  mine->limit = std::min(mine->limit, change.limit);
  if (mine->limit == 0) {
    mine->marks = {};
  } else {
    mine->marks.merge(change.marks);
    if (mine->limit != no_block) mine->marks.erase_from(mine->limit);
  }
  counted_marks(before, mine->marks.memory());
}

bool ChangeMap::is_database_replaced(std::uint32_t tablespace, std::uint32_t database) const {
  return replaced_.contains({tablespace, database});
}

const ForkChange* ChangeMap::change_of(const RelationFork& fork) const {
  static const ForkChange everything{0, {}};
  if (is_database_replaced(fork.tablespace, fork.database)) return &everything;
  const auto found = forks_.find(fork);
  return found == forks_.end() ? nullptr : &found->second;
}

bool ChangeMap::contains(const RelationFork& fork, std::uint32_t block) const {
  const ForkChange* change = change_of(fork);
  return change != nullptr && change->contains(block);
}

std::vector<RelationFork> ChangeMap::forks() const {
  std::vector<RelationFork> out;
  out.reserve(forks_.size());
  for (const auto& entry : forks_) out.push_back(entry.first);
  std::ranges::sort(out);
  return out;
}

std::vector<std::pair<std::uint32_t, std::uint32_t>> ChangeMap::replaced_databases() const {
  return {replaced_.begin(), replaced_.end()};
}

std::uint64_t ChangeMap::marked_blocks() const {
  std::uint64_t total = 0;
  for (const auto& entry : forks_) total += entry.second.marks.count();
  return total;
}

std::size_t ChangeMap::memory() const {
  return forks_.size() * fork_bytes + mark_bytes_ + replaced_.size() * replaced_bytes;
}

// nullptr: its database is replaced. A new one must get a change at once, so that none stays empty.
ForkChange* ChangeMap::changing(const RelationFork& fork) {
  if (is_database_replaced(fork.tablespace, fork.database)) return nullptr;
  return &forks_[fork];
}

void ChangeMap::counted_marks(std::size_t before, std::size_t after) {
  mark_bytes_ += after - before;  // wraps where it shrank, and comes out right
  if (memory() > limits_.bytes) [[unlikely]]
    coarsen();
}

// Down to three quarters of the limit, so that it does not come again with the next block.
void ChangeMap::coarsen() {
  ++coarsenings_;
  recent_.forget();
  const std::size_t wanted = limits_.bytes / 4 * 3;
  fill_fullest_chunks(wanted);
  if (memory() > wanted) replace_largest_databases(wanted);
}

void ChangeMap::fill_fullest_chunks(std::size_t wanted) {
  struct Candidate {
    std::uint32_t blocks;
    std::size_t place;
    RelationFork fork;
    ForkChange* change;
  };
  // A chunk with few blocks gains next to nothing and costs 512 MiB of reading.
  constexpr std::uint32_t worth_it = 1024;
  std::vector<Candidate> candidates;
  for (auto& [fork, change] : forks_) {
    const auto& parts = change.marks.parts();
    for (std::size_t place = 0; place < parts.size(); ++place) {
      const BlockChunk& chunk = parts[place].chunk;
      const bool below_limit = (std::uint64_t{parts[place].index} + 1) * BlockChunk::blocks <= change.limit;
      if (chunk.count() >= worth_it && chunk.memory() != 0 && below_limit)
        candidates.push_back({chunk.count(), place, fork, &change});
    }
  }
  std::ranges::sort(candidates, [](const Candidate& a, const Candidate& b) {
    return std::tie(b.blocks, a.fork, a.place) < std::tie(a.blocks, b.fork, b.place);
  });
  for (const Candidate& candidate : candidates) {
    if (memory() <= wanted) return;
    const std::size_t before = candidate.change->marks.memory();
    candidate.change->marks.fill(candidate.place);
    mark_bytes_ += candidate.change->marks.memory() - before;
  }
}

void ChangeMap::replace_largest_databases(std::size_t wanted) {
  std::map<DatabaseKey, std::size_t> bytes;
  for (const auto& [fork, change] : forks_) {
    bytes[{fork.tablespace, fork.database}] += fork_bytes + change.marks.memory();
  }
  while (memory() > wanted && !bytes.empty()) {
    const auto largest = std::ranges::max_element(bytes, {}, &std::pair<const DatabaseKey, std::size_t>::second);
    database_replaced(largest->first.first, largest->first.second);
    bytes.erase(largest);
  }
}

}  // namespace holdfast
