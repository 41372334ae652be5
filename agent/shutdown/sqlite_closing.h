#pragma once
// Brings one SQLite database to rest: its log into its file, when nobody has it open, and everything that was ever
// committed to it into a backup.
//
// We checkpoint only while we have the database to ourselves (locking_mode=EXCLUSIVE before the first access): beside
// an application that writes, a checkpoint of another process can lose a commit in SQLite before 3.51.3 (the WAL-reset
// bug). A database that somebody has open is left as it is; the receipt says so.
#include <functional>

#include "agent/sqlite/open_files.h"
#include "shared/fleet/fleet.h"
#include "shared/os/clock.h"
#include "shared/os/stop.h"

namespace holdfast {

class SqliteClosing {
 public:
  // All outlive it.
  struct Parts {
    OpenSqliteFiles& open_files;
    Clock& clock;
    // Takes a backup now and waits for it; complete when it returns.
    std::function<Result<Backup>()> back_up;
    std::function<void(const JobStep&)> tell;
    StopToken stop;  // hurries: no backup is begun
  };
  struct Database {
    std::string path;
    std::uint32_t min_copies = 1;
    Micros busy_timeout{std::chrono::seconds(5)};
    enum class File : std::uint8_t { closes, stays_open } file = File::closes;  // stays_open: no checkpoint
  };
  SqliteClosing(Database database, Parts parts) : database_(std::move(database)), parts_(std::move(parts)) {}

  // Never an error: what did not go as it should is in the receipt (steps, state, backup, copies, whole, verdict).
  // whole: the backup has everything that was committed when this returned.
  DatabaseReceipt run();

 private:
  struct Found {
    StepOutcome outcome = StepOutcome::done;
    std::string sentence;
  };
  void carry_out(const std::string& name, const std::function<Found()>& what);
  Found checkpoint();
  Found ship();

  const Database database_;
  const Parts parts_;
  DatabaseReceipt receipt_;
  bool unchanged_ = false;  // nobody has committed since before the backup began
};

}  // namespace holdfast
