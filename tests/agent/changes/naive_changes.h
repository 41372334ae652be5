#pragma once
// The changes of a stretch of WAL as a list of blocks, and random events to feed: what ChangeMap is held to.
#include <rapidcheck.h>

#include <map>
#include <set>
#include <variant>
#include <vector>

#include "agent/changes/change_map.h"

namespace holdfast {

// Keeps every block for itself. Blocks of a fork exist up to `end`; a limit marks all from there on.
class NaiveChanges final : public ChangeSink {
 public:
  static constexpr std::uint32_t end = 140'000;

  void block_changed(const RelationFork& fork, std::uint32_t block) override { blocks_[fork].insert(block); }
  void limited(const RelationFork& fork, std::uint32_t blocks) override {
    blocks_[fork].insert(end);  // that there is a limit at all
    for (std::uint32_t block = blocks; block < end; ++block) blocks_[fork].insert(block);
  }
  void database_replaced(std::uint32_t tablespace, std::uint32_t database) override {
    replaced_.emplace(tablespace, database);
  }
  void doubted(Lsn at, std::string reason) override { doubts_.push_back({at, at, std::move(reason)}); }

  bool contains(const RelationFork& fork, std::uint32_t block) const {
    if (is_replaced(fork)) return true;
    const auto found = blocks_.find(fork);
    return found != blocks_.end() && found->second.contains(block);
  }
  bool is_replaced(const RelationFork& fork) const { return replaced_.contains({fork.tablespace, fork.database}); }
  const std::map<RelationFork, std::set<std::uint32_t>>& forks() const { return blocks_; }
  const std::vector<Doubt>& doubts() const { return doubts_; }

 private:
  std::map<RelationFork, std::set<std::uint32_t>> blocks_;
  std::set<std::pair<std::uint32_t, std::uint32_t>> replaced_;
  std::vector<Doubt> doubts_;
};

struct ChangeEvent {
  enum class Kind : std::uint8_t { block, limit, database, doubt } kind = Kind::block;
  RelationFork fork;
  std::uint32_t block = 0;

  void tell(ChangeSink& sink) const {
    switch (kind) {
      case Kind::block:
        return sink.block_changed(fork, block);
      case Kind::limit:
        return sink.limited(fork, block);
      case Kind::database:
        return sink.database_replaced(fork.tablespace, fork.database);
      case Kind::doubt:
        return sink.doubted(Lsn(block), "unread");
    }
  }
};

inline std::ostream& operator<<(std::ostream& out, const ChangeEvent& event) {
  return out << static_cast<int>(event.kind) << ":" << event.fork.database << "/" << event.fork.relation << "/"
             << static_cast<int>(event.fork.fork) << "@" << event.block;
}

inline RelationFork some_fork() {
  return {1663, *rc::gen::inRange<std::uint32_t>(1, 3), *rc::gen::inRange<std::uint32_t>(16384, 16387),
          *rc::gen::element(Fork::main, Fork::main, Fork::main, Fork::visibility)};
}

inline std::uint32_t some_block() {
  return *rc::gen::oneOf(rc::gen::inRange<std::uint32_t>(0, 8), rc::gen::inRange<std::uint32_t>(65'530, 65'545),
                         rc::gen::inRange<std::uint32_t>(131'070, 131'080),
                         rc::gen::inRange<std::uint32_t>(0, NaiveChanges::end));
}

// Mostly blocks, now and then a limit, seldom a replaced database or a doubt. They come in bursts, as in a log.
inline std::vector<ChangeEvent> some_events() {
  using Kind = ChangeEvent::Kind;
  std::vector<ChangeEvent> events;
  const auto bursts = *rc::gen::inRange(0, 25);
  for (int burst = 0; burst < bursts; ++burst) {
    const auto dice = *rc::gen::inRange(0, 40);
    ChangeEvent event{dice == 0   ? Kind::database
                      : dice == 1 ? Kind::doubt
                      : dice < 5  ? Kind::limit
                                  : Kind::block,
                      some_fork(), some_block()};
    events.push_back(event);
    if (event.kind != Kind::block) continue;
    for (auto more = *rc::gen::element(0, 0, 3, 200); more > 0 && event.block + 1 < NaiveChanges::end; --more) {
      ++event.block;
      events.push_back(event);
    }
  }
  return events;
}

}  // namespace holdfast
