#pragma once
// The last object of a backup, which makes it one.
#include "shared/os/clock.h"
#include "shared/os/stop.h"
#include "shared/repository/backup_writer.h"

namespace holdfast {

struct RecordPatience {
  Micros longest = std::chrono::hours(1);
  Micros first_pause = std::chrono::seconds(1);
  Micros longest_pause = std::chrono::minutes(1);
};

// writer.finish(), again for as long as it may still succeed: everything else of the backup is stored by now, and where
// a store did not say in time whether it took the record, only putting the same bytes once more tells. `waits` is
// called before each pause. Code::cancelled: a stop was requested meanwhile.
Result<Bytes> put_record_patiently(BackupWriter& writer, BackupRecord& record, const SignKeyPair& signer,
                                   const RecordPatience& patience, Clock& clock, const StopToken& stop,
                                   const std::function<void(const Error&)>& waits);

}  // namespace holdfast
