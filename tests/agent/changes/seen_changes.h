#pragma once
// Sinks for tests.
#include <map>
#include <set>
#include <string>
#include <vector>

#include "agent/changes/change_sink.h"

namespace holdfast {

inline std::string to_text(const RelationFork& fork) {
  return fmt::format("{}/{}/{}.{}", fork.tablespace, fork.database, fork.relation, static_cast<int>(fork.fork));
}

// Every call as one line, in order.
class CallList final : public ChangeSink {
 public:
  void block_changed(const RelationFork& fork, std::uint32_t block) override {
    calls.push_back(fmt::format("block {} of {}", block, to_text(fork)));
  }
  void limited(const RelationFork& fork, std::uint32_t blocks) override {
    calls.push_back(fmt::format("{} limited to {}", to_text(fork), blocks));
  }
  void database_replaced(std::uint32_t tablespace, std::uint32_t database) override {
    calls.push_back(fmt::format("database {}/{} replaced", tablespace, database));
  }
  void doubted(Lsn at, std::string reason) override {
    calls.push_back(fmt::format("doubt at {}", at));
    doubts.push_back(std::move(reason));
  }

  std::vector<std::string> calls;
  std::vector<std::string> doubts;  // their reasons
};

// What a map of changes would hold, and what pg_waldump would print.
class SeenChanges final : public ChangeSink {
 public:
  using Blocks = std::map<RelationFork, std::set<std::uint32_t>>;

  void block_changed(const RelationFork& fork, std::uint32_t block) override {
    ++calls;
    marked[fork].insert(block);
    // Announced by the limit just before it, not a reference of a record.
    if (fork != cut_fork_ || block + 1 != cut_blocks_) referred[fork].insert(block);
    cut_fork_ = {};
  }
  void limited(const RelationFork& fork, std::uint32_t blocks) override {
    ++calls;
    const auto marks = marked.find(fork);
    if (marks != marked.end()) marks->second.erase(marks->second.lower_bound(blocks), marks->second.end());
    limits.insert(fork);
    cut_fork_ = fork.fork == Fork::visibility ? fork : RelationFork{};
    cut_blocks_ = blocks;
  }
  void database_replaced(std::uint32_t tablespace, std::uint32_t database) override {
    ++calls;
    databases.insert({tablespace, database});
  }
  void doubted(Lsn at, std::string reason) override { doubts.push_back(fmt::format("{}: {}", at, reason)); }

  bool holds(const RelationFork& fork, std::uint32_t block) const {
    const auto marks = marked.find(fork);
    return marks != marked.end() && marks->second.contains(block);
  }

  std::uint64_t calls = 0;
  Blocks marked;    // since the newest limit
  Blocks referred;  // ever
  std::set<RelationFork> limits;
  std::set<std::pair<std::uint32_t, std::uint32_t>> databases;
  std::vector<std::string> doubts;

 private:
  RelationFork cut_fork_;
  std::uint32_t cut_blocks_ = 0;
};

}  // namespace holdfast
