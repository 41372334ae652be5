#pragma once
// Whether a log holds the record at which recovery to a time or a position stops. A server that comes to the end of its
// log without one does not start, and nobody is there to try again when it is started by hand.
#include <optional>

#include "agent/changes/record_assembly.h"
#include "agent/changes/wal_page.h"
#include "agent/changes/wal_records.h"
#include "shared/fleet/fleet.h"

namespace holdfast {

// Reads whole segments in their order. The rules are recoveryStopsBefore and recoveryStopsAfter of the server
// (src/backend/access/transam/xlogrecovery.c; xlog.c before 15): for a time, the end of a transaction later than it, or
// at it when the target is exclusive; for a position, a record that begins there or later.
class TargetSearch {
 public:
  TargetSearch(WalSegmentSize segment_size, const RecoveryTarget& target)
      : segment_size_(segment_size), target_(target) {}

  // `segment` begins at `start`; nothing behind `log_end` counts. Errors: not as a server of 13 to 18 writes it.
  Result<> add(Lsn start, ByteView segment, Lsn log_end);
  bool found() const { return found_; }

 private:
  Result<> add_page(Lsn page, ByteView bytes);
  Result<> take(ByteView bytes, std::size_t& used);
  Result<> look();
  void judge(const RecordHeader& header);

  WalSegmentSize segment_size_;
  RecoveryTarget target_;
  RecordAssembly assembly_;
  RecordContents contents_;
  int major_version_ = 0;
  bool found_ = false;
  bool segment_is_over_ = false;
  bool log_is_over_ = false;
};

// Of the segments in a directory, as stage_wal leaves them.
Result<bool> staged_log_holds(const std::string& directory, WalSegmentSize segment_size, const RecoveryTarget& target,
                              Lsn log_end);

}  // namespace holdfast
