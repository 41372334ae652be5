#include "agent/jobs/record_put.h"

#include <algorithm>

#include "shared/store/store_lane.h"

namespace holdfast {

Result<Bytes> put_record_patiently(BackupWriter& writer, BackupRecord& record, const SignKeyPair& signer,
                                   const RecordPatience& patience, Clock& clock, const StopToken& stop,
                                   const std::function<void(const Error&)>& waits) {
  const Micros deadline = clock.monotonic() + patience.longest;
  for (Micros pause = patience.first_pause;; pause = std::min(pause * 2, patience.longest_pause)) {
    auto stored = writer.finish(record, signer);
    if (stored || !may_succeed_later(stored.error()) || clock.monotonic() + pause > deadline) return stored;
    waits(stored.error());
    if (stop.wait_for(pause)) return fail(Code::cancelled, "a stop was requested");
  }
}

}  // namespace holdfast
