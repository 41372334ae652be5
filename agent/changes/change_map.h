#pragma once
// Which blocks of a cluster's relations changed in a stretch of WAL, in memory.
#include <array>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "agent/changes/block_set.h"
#include "agent/changes/change_sink.h"
#include "shared/base/bytes.h"
#include "shared/base/result.h"

namespace holdfast {

struct RelationForkHash {
  std::size_t operator()(const RelationFork& fork) const;
};

// What is known of one fork: its blocks that differ from what they were, or may.
struct ForkChange {
  std::uint32_t limit = no_block;  // every block at or past it changed or is new; no_block: there is no such limit
  BlockSet marks;                  // changed blocks below the limit

  bool contains(std::uint32_t block) const { return block >= limit || marks.contains(block); }
  friend bool operator==(const ForkChange&, const ForkChange&) = default;
};

// From the WAL alone it cannot be said what the records that begin in [first, last] changed.
struct Doubt {
  Lsn first;
  Lsn last;
  std::string reason;
  friend bool operator==(const Doubt&, const Doubt&) = default;
};

// The set of blocks that an incremental backup must read. Every event only ever adds to it: a limit stands for all
// blocks from there on, a replaced database for all its forks, and what they cover is not kept one by one. So merging
// is the union of two sets, in either order, and a map of more WAL than was asked for is still right.
// Not safe from many threads.
class ChangeMap final : public ChangeSink {
 public:
  struct Limits {
    // Past it precision is given up, never a change: the fullest chunks count as changed entirely, then whole
    // databases. 64 MiB hold every second block of 4 TB, or one changed block in each of 400,000 relations.
    std::size_t bytes = 64U << 20U;
  };
  static constexpr std::size_t max_doubts = 64;  // more are joined with their neighbours
  static constexpr std::size_t max_reason = 256;

  ChangeMap() : ChangeMap(Limits{}) {}
  explicit ChangeMap(Limits limits) : limits_(limits) {}

  // Relation 0 in any of these is the whole database; block 4294967295, which no relation has, the whole fork.
  void block_changed(const RelationFork& fork, std::uint32_t block) override;
  void limited(const RelationFork& fork, std::uint32_t blocks) override;
  void database_replaced(std::uint32_t tablespace, std::uint32_t database) override;
  void doubted(Lsn at, std::string reason) override;
  void doubted(Doubt doubt);
  void forget_doubts() { doubts_.clear(); }

  void merge(const ChangeMap& other);
  // What is known of one fork; `change` has a limit or marks, and no mark at or past no_block.
  void add(const RelationFork& fork, const ForkChange& change);

  bool is_database_replaced(std::uint32_t tablespace, std::uint32_t database) const;
  // nullptr: nothing of it changed. In a replaced database every fork has limit 0. Valid until the next change.
  const ForkChange* change_of(const RelationFork& fork) const;
  bool contains(const RelationFork& fork, std::uint32_t block) const;

  std::vector<RelationFork> forks() const;  // those with a change of their own, sorted
  std::vector<std::pair<std::uint32_t, std::uint32_t>> replaced_databases() const;  // {tablespace, database}, sorted
  const std::vector<Doubt>& doubts() const { return doubts_; }
  bool empty() const { return forks_.empty() && replaced_.empty() && doubts_.empty(); }
  std::uint64_t marked_blocks() const;  // without what limits and replaced databases stand for
  std::size_t memory() const;           // about, in bytes
  // How often precision was given up for memory.
  std::uint64_t coarsenings() const { return coarsenings_; }

  // Layout in FORMAT.md.
  Bytes encode() const;
  // Code::corrupt when the checksum, an order or a range does not fit or bytes are left over. Limits as for a new map.
  static Result<ChangeMap> decode(ByteView bytes, Limits limits);
  static Result<ChangeMap> decode(ByteView bytes) { return decode(bytes, Limits{}); }

  // The same blocks and doubts, whatever the limits.
  friend bool operator==(const ChangeMap& a, const ChangeMap& b) {
    return a.replaced_ == b.replaced_ && a.doubts_ == b.doubts_ && a.forks_ == b.forks_;
  }

 private:
  using DatabaseKey = std::pair<std::uint32_t, std::uint32_t>;

  // Where the forks are that were told of lately: a log goes to and fro between a table and its indexes. A copy of the
  // map has other nodes, so it starts without.
  class RecentForks {
   public:
    struct Slot {
      bool valid = false;
      RelationFork fork;
      ForkChange* change = nullptr;  // nullptr: its database is replaced, nothing more is to be kept
    };
    RecentForks() = default;
    RecentForks(const RecentForks&) {}
    RecentForks(RecentForks&& other) noexcept : slots_(std::exchange(other.slots_, {})) {}
    RecentForks& operator=(const RecentForks& other) {
      if (this != &other) forget();
      return *this;
    }
    RecentForks& operator=(RecentForks&& other) noexcept {
      slots_ = std::exchange(other.slots_, {});
      return *this;
    }
    ~RecentForks() = default;

    // Numbers of relations that are used together are often neighbours.
    Slot& slot_of(const RelationFork& fork) {
      return slots_[(fork.relation ^ (static_cast<std::uint32_t>(fork.fork) << 4U)) % count];
    }
    void forget() { slots_ = {}; }

   private:
    static constexpr std::size_t count = 64;
    std::array<Slot, count> slots_{};
  };

  ForkChange* changing(const RelationFork& fork);
  void counted_marks(std::size_t before, std::size_t after);
  void coarsen();
  void fill_fullest_chunks(std::size_t wanted);
  void replace_largest_databases(std::size_t wanted);

  Limits limits_;
  std::unordered_map<RelationFork, ForkChange, RelationForkHash> forks_;  // none in a replaced database
  std::set<DatabaseKey> replaced_;
  std::vector<Doubt> doubts_;
  std::size_t mark_bytes_ = 0;
  std::uint64_t coarsenings_ = 0;
  RecentForks recent_;
};

}  // namespace holdfast
