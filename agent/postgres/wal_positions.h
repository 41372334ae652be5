#pragma once
// Where shipping of one cluster's log goes on after a restart of the agent.
#include <optional>

#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/crypto/keys.h"
#include "shared/postgres/timeline_history.h"
#include "shared/postgres/wal_position.h"
#include "shared/store/store.h"

namespace holdfast {

struct WalResumePoint {
  SystemId system_id;
  Timeline timeline;
  Lsn first;               // from here on there is no gap on this timeline
  Lsn durable;             // the next byte to ask for
  Sha256 predecessor{};    // of the newest object; zero before the first
  Timestamp from_time;     // server clock at `first`
  Timestamp through_time;  // server clock up to which everything is durable
  friend bool operator==(const WalResumePoint&, const WalResumePoint&) = default;
};

// The seam to the agent's state. Called by the receiver's threads, one call at a time.
class WalPositions {
 public:
  virtual ~WalPositions() = default;
  virtual Result<std::optional<WalResumePoint>> load() = 0;
  // Durable when it returns. A failure is reported and tried again with the next position: the stores know it too.
  virtual Result<> save(const WalResumePoint& position) = 0;
};

// What the stores know: the end of the newest stretch of log of this database on the newest timeline that the server's
// history has, or on the newest of all when it has none of them. nullopt: nothing there. Stores that do not answer are
// passed over; one must.
Result<std::optional<WalResumePoint>> find_wal_position(const StoreSet& stores, DatabaseId database,
                                                        const TimelineHistory& history);

// Whether the stores have log of a timeline of this history that is newer than `timeline`, itself one of it.
Result<bool> is_stored_beyond(const StoreSet& stores, DatabaseId database, const TimelineHistory& history,
                              Timeline timeline);

// The position after whatever lies in the stores without a gap behind `position`: an object may have become durable
// just before a crash kept its position from being saved. Its objects are put once more, so that all copies are there.
Result<WalResumePoint> advance_over_stored(const StoreSet& stores, DatabaseId database, WalResumePoint position);

// Whether a stretch of stored log of this timeline reaches over `position` or ends there: log from there on leaves no
// gap behind it. Code::unavailable: no store answered.
Result<bool> stored_through(const StoreSet& stores, DatabaseId database, Timeline timeline, Lsn position);

}  // namespace holdfast
