#include "coordinator/core/wal_positions.h"

#include <fmt/format.h>

#include "coordinator/core/copies.h"
#include "coordinator/core/wal_ranges.h"
#include "shared/repository/epoch.h"

namespace holdfast {
namespace {

constexpr std::chrono::seconds store_every{5};

// Nobody speaks for somebody else's database.
bool owns(Turn& turn, const Node& node, DatabaseId database, std::string_view what) {
  if (turn.state.has_member(database, node.id)) return true;
  turn.alert_once(fmt::format("node \"{}\" reported {} of database {}, which is not on it", node.name, what, database));
  return false;
}

}  // namespace

void wal_position_came(Turn& turn, const Node& node, const WalPosition& position) {
  CoreState& state = turn.state;
  if (!owns(turn, node, position.database, "WAL")) return;
  state.sessions[node.id].positions[position.database] = position;
  log_arrears_came(turn, position);
  if (position.timeline.value() == 0 || position.durable <= position.first) return;
  WalRange range;
  range.database = position.database;
  range.timeline = position.timeline;
  range.first = position.first;
  range.last = position.durable;
  range.from_time = position.from_time;
  range.through_time = position.through_time;
  range.segment_size = position.segment_size;
  // An agent goes on telling where its stretch began, whatever was released of it since.
  const auto released = state.wal_removals.find({position.database, position.timeline});
  if (released != state.wal_removals.end() && range.first < released->second.row.released_before) {
    range.first = released->second.row.released_before;
    range.from_time = {};
    if (range.last <= range.first) return;
  }
  merge_wal_range(state.wal[position.database].ranges, range);
}

void history_came(Turn& turn, const MessageCame& event, const Node& node, const HistoryReport& report) {
  const TimelineChange& change = report.change;
  if (!owns(turn, node, change.database, "a timeline")) return;
  if (change.timeline <= change.parent) {
    turn.alert_once(fmt::format("node \"{}\" reported a timeline {} that comes from {}", node.name,
                                change.timeline.value(), change.parent.value()));
    return;
  }
  const auto& known = turn.state.timelines[change.database];
  if (std::find(known.begin(), known.end(), change) == known.end()) turn.put(change);
  turn.send(event.door, event.peer, HistoryReportAck{change.database, change.timeline}, event.message.id);
}

void epoch_came(Turn& turn, const MessageCame& event, const Node& node, const EpochReport& report) {
  CoreState& state = turn.state;
  const EpochInfo& info = report.epoch;
  if (!owns(turn, node, info.database, "a data key")) return;
  const auto& known = state.epochs[info.database];
  if (!known.contains(info.id)) {
    const auto document = read_epoch(info.object, state.identity.fleet, state.identity.root);
    if (!document) {
      turn.alert_once(
          fmt::format("node \"{}\" reported a data key that is not sound: {}", node.name, document.error().message));
      return;
    }
    if (document->node != node.id || document->database != info.database || document->epoch != info.id) {
      turn.alert_once(fmt::format("node \"{}\" reported a data key that is not its own", node.name));
      return;
    }
    turn.put(EpochEntry{info, node.id, document->created_at});
  }
  turn.send(event.door, event.peer, EpochReportAck{info.id}, event.message.id);
}

void store_wal_ranges(Turn& turn, DatabaseId database) {
  WalLog& log = turn.state.wal[database];
  for (const WalRange& old : log.stored) {
    const bool there = std::any_of(log.ranges.begin(), log.ranges.end(), [&old](const WalRange& range) {
      return range.timeline == old.timeline && range.first == old.first;
    });
    if (!there) turn.effects.changes.push_back(remove_row(old));
  }
  for (const WalRange& range : log.ranges) {
    if (std::find(log.stored.begin(), log.stored.end(), range) == log.stored.end()) {
      turn.effects.changes.push_back(put_row(range));
    }
  }
  log.stored = log.ranges;
  log.stored_at = turn.now;
}

void store_wal_ranges(Turn& turn) {
  for (auto& [database, log] : turn.state.wal) {
    if (log.ranges == log.stored || turn.now - log.stored_at < store_every) continue;
    store_wal_ranges(turn, database);
  }
}

}  // namespace holdfast
