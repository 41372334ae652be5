#pragma once
// WAL objects of one database in its stores: what is there, without gaps where, and whole segments out of it.
#include <vector>

#include "shared/postgres/timeline_history.h"
#include "shared/repository/backup_reader.h"
#include "shared/repository/layout.h"
#include "shared/repository/wal_object.h"

namespace holdfast {

// A stretch without a gap.
struct WalStretch {
  Timeline timeline;
  Lsn first;
  Lsn last;  // exclusive
  friend bool operator==(const WalStretch&, const WalStretch&) = default;
};
// Pure: merges names of objects (any order; objects may overlap or repeat) into stretches, ordered.
std::vector<WalStretch> merge_wal(std::vector<WalName> names);

// The first position of [from, to) on the timeline that no stretch has; nullopt: all of it is there.
std::optional<Lsn> first_gap(const std::vector<WalStretch>& stretches, Timeline timeline, Lsn from, Lsn to);

// By the server's clock.
struct WalTimes {
  Timestamp received_through;     // nothing was committed later
  Timestamp recoverable_through;  // nothing that was committed before is missing
  friend bool operator==(const WalTimes&, const WalTimes&) = default;
};

// What the objects of one timeline say of when it was written.
struct WalTimeline {
  Timeline timeline;
  Timestamp begun;                // received by then at the latest; never: no object of it can be read
  Timestamp received_through;     // as of the newest object
  Timestamp recoverable_through;  // as of the newest object; never: its writer could not say
  friend bool operator==(const WalTimeline&, const WalTimeline&) = default;
};

// Safe from many threads; keeps a listing per timeline, refreshed when something newer is asked for.
class WalReader {
 public:
  WalReader(const StoreSet& stores, TrustAnchor anchor, DatabaseId database, const KeyRing& keys);
  ~WalReader();
  WalReader(const WalReader&) = delete;
  WalReader& operator=(const WalReader&) = delete;

  Result<std::vector<WalStretch>> stretches(Timeline timeline);
  // The whole segment that holds `at`, exactly segment_size bytes: what is missing at its end is zero, provided it
  // begins without a gap. Code::not_found only when every store could be asked and none has its beginning: that is the
  // end of the WAL. Everything else (store away, object damaged, key missing) is another code and must not look like
  // it.
  Result<Bytes> segment(Timeline timeline, Lsn at, std::uint64_t segment_size);
  // The same without holding it in memory: what is there goes to `sink` in order, the zeros at the end do not. Returns
  // the bytes. After an error `sink` may have seen some.
  Result<std::uint64_t> read_segment(Timeline timeline, Lsn at, std::uint64_t segment_size, const WalSink& sink);
  // Whoever reads has settled that the log ends here, whatever lies behind: segment() gives zeros from there on.
  void end_at(Lsn end);
  Result<Bytes> history(Timeline timeline);  // content of the .history file
  // What the objects of this timeline that end at or before `end` say of time; never, where there is none or its writer
  // could not say.
  Result<WalTimes> times(Timeline timeline, Lsn end);
  // Every timeline that has objects, in order. Asks their signed headers only: works without data keys, and passes over
  // what is damaged.
  Result<std::vector<WalTimeline>> timelines();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace holdfast
