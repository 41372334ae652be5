#pragma once
// One PostgreSQL cluster out of a backup and its WAL: from checks to a server that was promoted and looked at.
#include <functional>

#include "agent/restore/file_clones.h"
#include "agent/restore/file_restore.h"
#include "agent/restore/restore_journal.h"
#include "agent/restore/target_server.h"
#include "agent/restore/wal_service.h"
#include "shared/fleet/fleet.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"

namespace holdfast {

struct PostgresRestoreRun {
  const BackupReader& reader;
  const BackupRecord& record;
  RestoreId restore;
  WalSource wal;
  // What WAL the stores have of a timeline, for the checks before anything is touched.
  std::function<Result<std::vector<WalStretch>>(Timeline)> stretches;
  // What the stored log up to a position says of time: WalReader::times.
  std::function<Result<WalTimes>(Timeline, Lsn)> times;
  OsUser owner;                        // whom the server runs as
  std::optional<TargetServer> server;  // nullopt: pg_ctl
  std::string agent_program;           // for restore_command
  std::string runtime_directory;       // for the WAL socket; the owner must be able to pass through it
  std::string role;                    // to ask the restored server; empty: the owner's name
  std::optional<int> port;             // nullopt: as configured
  Clock& clock;
  StopToken stop;
  std::function<void(const Progress&)> progress;  // any thread, never two at once; may be empty
  RestoreJournal journal;                         // may be empty
  Logger log;
  FileClones clones = kernel_file_clones();
};

// Nothing is touched before everything that can be checked was: the target directory, room, programs of the right
// version, WAL from the backup's start to its end and up to the target. Code::not_restorable: the target cannot be
// reached with what the stores have; unsupported: versions; conflict: something else is in the target directory.
//
// In place, the server is stopped and the old directory (with its tablespaces) is set aside; `target.aside` says where.
// On failure it goes back and the old server is started again if it ran. With StartAfter::no_start the WAL is staged in
// "<directory>.holdfast-wal" and the cluster recovers from there whenever it is started, without any agent.
//
// By delta, what is in the directory and fits the backup stays. Where its file system can clone files, everything else
// is as above. Where it cannot, the directory is overwritten (`way_back` says so, also on failure): what the backup
// does not have goes to `leftovers`, and a failure leaves the directory marked and the server down, for another run to
// go on.
//
// Fills in bytes, reached_lsn, reached_time, timeline (the new one), seconds, aside and state; by delta way_back,
// fetched_bytes and leftovers too.
Result<> restore_postgres(RestoreTarget& target, const PostgresRestoreRun& run);

// "<directory>.holdfast-wal"
std::string staged_wal_directory(const std::string& data_directory);

}  // namespace holdfast
