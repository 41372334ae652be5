#include "agent/postgres/wal_start.h"

namespace holdfast {
namespace {

Lsn segment_start(Lsn lsn, WalSegmentSize size) {
  return Lsn(lsn.value() - lsn.value() % size.bytes());
}

WalStart start_from_slot(const WalStartFacts& facts) {
  WalStart start;
  start.timeline = facts.history.timeline_of(facts.slot_start);
  start.from = segment_start(facts.slot_start, facts.server.segment_size);
  return start;
}

WalStart start_after_loss(const WalStartFacts& facts, std::string reason) {
  WalStart start = start_from_slot(facts);
  start.lost = WalStart::Lost{facts.saved->timeline, facts.saved->durable, start.from, std::move(reason)};
  return start;
}

}  // namespace

Result<WalStart> decide_wal_start(const WalStartFacts& facts) {
  if (facts.expected != SystemId() && facts.expected != facts.server.system_id) {
    return fail(Code::conflict,
                fmt::format("the server has system identifier {}, this database has {}", facts.server.system_id,
                            facts.expected),
                "another cluster runs there now; it must become a database of its own");
  }
  if (!facts.saved) return start_from_slot(facts);
  const WalResumePoint& saved = *facts.saved;
  if (saved.system_id != SystemId() && saved.system_id != facts.server.system_id) {
    return fail(Code::conflict, fmt::format("what was stored is from system identifier {}, the server has {}",
                                            saved.system_id, facts.server.system_id));
  }
  if (facts.saved_log == WalStartFacts::SavedLog::gone) {
    return start_after_loss(facts, "the server has removed log that was not stored yet");
  }
  if (saved.timeline == facts.server.timeline) {
    if (facts.server.flushed < saved.durable) {
      return fail(
          Code::conflict,
          fmt::format("the server's log ends at {} and {} is stored already", facts.server.flushed, saved.durable),
          "a standby that restarts catches up by itself; otherwise the server was set back without a new "
          "timeline");
    }
    return WalStart{saved.timeline, saved.durable, {}};
  }
  const auto left_at = facts.history.left_at(saved.timeline);
  if (!left_at) return start_after_loss(facts, "the server follows another branch of timelines");
  if (saved.durable <= *left_at) return WalStart{saved.timeline, saved.durable, {}};
  // The server left that timeline before our end of it: what is behind belongs to a branch that nobody follows.
  return start_after_switch({facts.history.timeline_of(*left_at), *left_at}, facts.server.segment_size);
}

WalStart start_after_switch(const EndOfTimeline& end, WalSegmentSize size) {
  return WalStart{end.next, segment_start(end.switched_at, size), {}};
}

}  // namespace holdfast
