#pragma once
// A node's schedule as a whole: which of its databases are due now, and what became of every run that was. No I/O: what
// must survive the program goes out as news and comes back at the next start.
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "agent/duty/duty.h"
#include "agent/duty/run_ledger.h"

namespace holdfast {

struct DueNow {
  const Assigned* database = nullptr;
  DueReason reason = DueReason::schedule;
  BackupType type = BackupType::full;
  Timestamp since;  // it is due
};

class RunBook {
 public:
  // ---- at the start, before anything else
  void remember(DatabaseId database, RunLedger ledger);
  // When a run of it began last; never: none did.
  void know(DatabaseId database, Timestamp last_began, Timestamp now);
  // A job of the journal, oldest first: what was journalled just before the program died is owed no more.
  void journalled(const Job& job);
  // How often something failed in a row is not held against it in this run of the program.
  void forget_how_often();

  // The databases whose time has come, what is due longest first. Every database of the assignment is known.
  std::vector<DueNow> due(const Assignment& assignment, Timestamp now);
  // Why what is due does not begin: so it is told should it be missed.
  void hold(DatabaseId database, const std::string& cause);
  // What its job is to say.
  TakenRun run_of(const DueNow& due) const;
  void began(DatabaseId database, Timestamp now) { histories_[database].last_began = now; }
  // Its job is in the journal: nothing of it is owed any more. One that did not get there stays owed, and is tried
  // again like one that failed.
  void taken(DatabaseId database);
  void not_taken(DatabaseId database, Timestamp now);
  // A backup of this node's ended. `backup_at`: when what it made was finished.
  void ended(const Job& job, BackupType type, Timestamp backup_at);
  // never: it was made good.
  void log_lost(DatabaseId database, Timestamp at) { histories_[database].log_lost_at = at; }

  // What changed since the last call. To be made durable in this order: a crash in between tells missed runs again, as
  // the same job.
  struct News {
    std::vector<std::pair<DatabaseId, MissedRuns>> missed;
    std::map<DatabaseId, RunLedger> ledgers;
    std::set<DatabaseId> closed;                                // ledgers to be forgotten
    std::vector<std::pair<const Assigned*, Error>> unreadable;  // policies, each complaint once
  };
  News take_news();

 private:
  struct Planned {  // when to look at a database again, unless what was known changes before
    std::uint64_t revision = 0;
    RunHistory history;
    Timestamp until;
  };
  struct Kept {
    RunLedger ledger;
    Timestamp upcoming;   // when the next run comes due; never: look
    bool looked = false;  // since the program began: what came due before, nobody was there for
  };

  RunHistory& history(const Assigned& database, Timestamp now);
  std::optional<DueNow> due_of(const Assigned& database, std::uint64_t revision, Timestamp now);
  void note_wait(const Assigned& database, const RunHistory& history, const std::optional<Due>& next, Timestamp now);

  // The ledgers: run_book_ledgers.cc.
  void keep_ledgers(const Assignment& assignment, Timestamp now);
  void keep_ledger(const Assigned& database, Timestamp now);
  void open_ledger(const Assigned& database, Timestamp now);
  void bring_up_to(DatabaseId database, Timestamp now);
  void close_ledger(DatabaseId database, const std::string& cause, Timestamp now);
  void give_up(DatabaseId database, const std::string& cause);
  void tell(DatabaseId database, const std::vector<MissedRuns>& all);
  Timestamp owed_at(DatabaseId database) const;

  std::map<DatabaseId, Planned> planned_;
  std::map<DatabaseId, RunHistory> histories_;
  std::map<DatabaseId, Timestamp> own_complete_;  // newest backup of this node's; another is of its group
  std::map<DatabaseId, Timestamp> tried_;         // the run that its failures in a row were of
  std::map<DatabaseId, Kept> kept_;
  std::optional<std::uint64_t> ledgers_of_;  // the assignment they are kept for
  std::map<DatabaseId, std::string> complained_;
  std::vector<std::pair<DatabaseId, MissedRuns>> missed_;
  std::set<DatabaseId> changed_;
  std::set<DatabaseId> closed_;
  std::vector<std::pair<const Assigned*, Error>> unreadable_;
};

}  // namespace holdfast
