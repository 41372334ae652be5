#pragma once
// The server's restore_command: fetches one file from the restore's WalService.
#include <string>

#include "shared/base/result.h"
#include "shared/base/time.h"

namespace holdfast {

struct WalGetOptions {
  std::string socket;
  std::string file;         // %f
  std::string destination;  // %p, relative to the data directory, which is where the server runs us
  Micros give_up_after{std::chrono::minutes(2)};
};

enum class WalGetOutcome : std::uint8_t { got_it, not_there };

// The whole file is on disk under its name when it says got_it; a failed try leaves nothing there. not_there only when
// the service is certain; everything else is tried again until give_up_after, except what trying cannot cure (damaged,
// no key, denied).
Result<WalGetOutcome> wal_get(const WalGetOptions& options);

// 0 got it, 1 certainly not there, 255 everything else. The server takes 1 to 125 for the end of the log and goes on to
// promote; from 126 on it stops instead. So an outage must never be 1: it would end recovery early and lose commits.
int wal_get_main(const WalGetOptions& options);

}  // namespace holdfast
