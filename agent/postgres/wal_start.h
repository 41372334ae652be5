#pragma once
// Where a stream must begin. Pure.
#include <optional>

#include "agent/postgres/replication_stream.h"
#include "agent/postgres/wal_positions.h"

namespace holdfast {

struct WalStartFacts {
  std::optional<WalResumePoint> saved;  // what is durable
  SystemId expected;                    // 0: not known yet
  ServerIdentity server;
  TimelineHistory history;  // of the server's timeline
  Lsn slot_start;           // the oldest byte that our slot holds
  enum class SavedLog : std::uint8_t { wanted, gone } saved_log = SavedLog::wanted;  // gone: the server removed it
};

struct WalStart {
  Timeline timeline;
  Lsn from;
  // Set when what is between is lost: nothing can be restored to a moment in there.
  struct Lost {
    Timeline timeline;
    Lsn from;
    Lsn to;
    std::string reason;
  };
  std::optional<Lost> lost;
};

// Streams begin at a segment's first byte unless they go on where objects end: each timeline has every segment whole.
// Code::conflict: this server cannot follow what was stored, somebody must look.
Result<WalStart> decide_wal_start(const WalStartFacts& facts);

// Where the next timeline is streamed from, after a switch.
WalStart start_after_switch(const EndOfTimeline& end, WalSegmentSize size);

}  // namespace holdfast
