#pragma once
// What became of a database that was shut down, and whether anything of it may be missing elsewhere. Pure.
#include <optional>
#include <string>
#include <vector>

#include "shared/base/result.h"
#include "shared/base/time.h"
#include "shared/fleet/fleet.h"
#include "shared/postgres/pg_control.h"

namespace holdfast {

enum class ShutdownStep : std::uint8_t { checkpoint, stop, verify, ship };
std::string_view to_string(ShutdownStep step);

// The word that only a receipt may say whose parts fit.
constexpr std::string_view nothing_missing = "nothing missing";

struct ShutdownReceipt {
  std::vector<JobStep> steps;
  enum class Server : std::uint8_t { stops, runs_on } server = Server::stops;  // what was wanted of it
  std::optional<ClusterState> state;                                           // by pg_control, after the stop
  Lsn checkpoint;  // where its last checkpoint's record begins; 0: not known
  Timeline timeline;
  Lsn log_end;  // behind that record, or of a server that runs on what it had written when it was asked; 0: not known
  Lsn durable;  // end of what is safe in the stores; 0: not known
  enum class Log : std::uint8_t { shipped_here, shipped_elsewhere, not_shipped } log = Log::shipped_here;
  std::uint32_t min_copies = 1;  // that everything before `durable` has

  // It was stopped in order, and everything it ever wrote is in as many stores as the policy wants at least.
  bool is_whole() const;
  // Nobody need look at it before the host goes: it ended as it was to, and what this node ships of it is safe.
  bool went_well() const;
  // "nothing missing: ...", or what may be.
  std::string verdict() const;
};

// The end of a record of `length` bytes that begins at `start`, as the server counts: page headers in between, rounded
// up to 8 bytes (access/xlog_internal.h, xloginsert.c).
Lsn end_of_record(Lsn start, std::uint32_t length, WalSegmentSize segment_size);
// A shutdown checkpoint's, in PostgreSQL 13 to 18: header 24, data header 2, CheckPoint 88 (catalog/pg_control.h).
constexpr std::uint32_t shutdown_checkpoint_length = 114;

}  // namespace holdfast
