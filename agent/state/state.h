#pragma once
// The agent's memory across its own death. Safe from many threads; everything is durable when a call returns.
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "agent/duty/run_ledger.h"
#include "shared/base/ids.h"
#include "shared/fleet/words.h"
#include "shared/sqlite/connection.h"
#include "shared/wire/messages.h"

namespace holdfast {

// Where WAL shipping of one database goes on.
struct WalResume {
  SystemId system_id;
  Timeline timeline;
  Lsn first;                                   // since when there is no gap on this timeline
  Lsn durable;                                 // next byte to ask for
  std::array<std::uint8_t, 32> predecessor{};  // SHA-256 of the last object put
  Timestamp from_time;
  Timestamp through_time;
};

// Log of one database that is lost: no backup that began before its end is of use behind it.
struct WalLoss {
  Timestamp seen_at;  // the agent's clock
  Lsn end;            // where the log goes on
  friend bool operator==(const WalLoss&, const WalLoss&) = default;
};

struct ScheduledRun {
  Timestamp began;  // never: there was none
  BackupType type = BackupType::full;
};

// One run of the agent's program.
struct ProgramRun {
  Timestamp began;
  std::string boot;  // boot_id() of the machine
};

// A thing to tell the coordinator until it confirms.
struct OutboxItem {
  std::int64_t number = 0;
  std::variant<EpochReport, HistoryReport> report;
};

// A pass to put objects in a bucket, for as long as nobody can be asked for another one.
struct KeptPass {
  StoreId store;
  std::string scope;  // BucketWish::name
  BucketPass pass;
  Timestamp since;
  Timestamp until() const { return since + pass.valid; }
};

struct RestoreStep {
  JobId job;
  std::string step;  // see agent/restore
  Bytes details;
};

class AgentState {
 public:
  // `directory`/state.db, made when missing. Code::conflict: another agent runs on it (a lock is held while this
  // lives). Code::unsupported: written by a newer agent, or one that this one does not know. Code::corrupt: it is
  // damaged; every page is looked at when the run before did not end in order.
  static Result<std::unique_ptr<AgentState>> open(const std::string& directory);
  // Without the lock, and nothing can be written: for looking at it beside a running agent.
  static Result<std::unique_ptr<AgentState>> open_to_read(const std::string& directory);

  // What was found and mended while it was opened; nullopt: nothing was to be mended.
  const std::optional<std::string>& repaired() const { return repaired_; }

  Result<std::optional<Enrolled>> identity();
  Result<> save_identity(const Enrolled& identity);
  // Counts up, durable before it is used: session generations, inventory revisions.
  Result<std::uint64_t> next(const std::string& counter);
  // The run before, when it did not come to end_run().
  Result<std::optional<ProgramRun>> begin_run(const ProgramRun& run);
  Result<> end_run();
  // When an agent last said here that it was alive, by its clock; never: none did.
  Result<Timestamp> last_seen();
  Result<> save_last_seen(Timestamp now);
  Result<std::uint64_t> coordinator_epoch();
  Result<> save_coordinator_epoch(std::uint64_t epoch);

  Result<std::optional<Assignment>> assignment();
  Result<> save_assignment(const Assignment& assignment);

  // True: new, now journalled. False: this id was taken on before.
  Result<bool> accept_order(const Order& order);
  Result<std::optional<Order>> order(JobId job);
  // Stores the state of a job as the newest; returns it with its sequence. The upper half of a sequence counts what was
  // stored, the lower half is free for progress that is not worth a sync: after a crash the next stored one is higher.
  Result<JobReport> save_report(JobReport report);
  Result<std::vector<JobReport>> unconfirmed_reports();
  Result<> confirm_report(JobId job, std::uint64_t sequence);
  Result<std::optional<JobReport>> report(JobId job);
  // Jobs whose newest report is not an end.
  Result<std::vector<JobReport>> unfinished();
  // The jobs whose reports were stored last, newest first.
  Result<std::vector<JobReport>> newest_reports(std::uint32_t count);
  // Jobs that ended before this and whose end the coordinator confirmed, with their steps. The newest backup and the
  // newest complete one of each database stay: the schedule goes by them. An order of a forgotten job that comes again
  // is past its deadline. How many there were.
  Result<std::size_t> forget_jobs(Timestamp ended_before);
  // Orders that were accepted and have no report yet: the agent died in between.
  Result<std::vector<Order>> orders_without_report();

  Result<std::optional<WalResume>> wal(DatabaseId database);
  Result<> save_wal(DatabaseId database, const WalResume& resume);
  Result<> forget_wal(DatabaseId database);
  // Every database whose log was ever shipped from here and not forgotten.
  Result<std::vector<DatabaseId>> shipped_databases();

  // The newest loss that no backup has made good; of two, the later one counts for both.
  Result<std::optional<WalLoss>> wal_loss(DatabaseId database);
  Result<> save_wal_loss(DatabaseId database, const WalLoss& loss);
  Result<> forget_wal_loss(DatabaseId database);

  Result<> add_to_outbox(const EpochReport& report);
  Result<> add_to_outbox(const HistoryReport& report);
  Result<std::vector<OutboxItem>> outbox();
  Result<> confirm_epoch(EpochId epoch);
  Result<> confirm_history(DatabaseId database, Timeline timeline);

  // Of its own schedule.
  Result<ScheduledRun> last_run(DatabaseId database);
  Result<> save_last_run(DatabaseId database, const ScheduledRun& run);

  // What came due by it: see agent/duty/run_ledger.h.
  Result<std::map<DatabaseId, RunLedger>> run_ledgers();
  Result<> save_run_ledger(DatabaseId database, const RunLedger& ledger);
  Result<> forget_run_ledger(DatabaseId database);

  Result<std::vector<KeptPass>> passes();
  Result<> save_pass(const KeptPass& pass);
  Result<> forget_pass(StoreId store, const std::string& scope);

  Result<> save_restore_step(const RestoreStep& step);
  Result<std::vector<RestoreStep>> restore_steps(JobId job);

 private:
  AgentState(SqliteConnection connection, UniqueFd lock) : connection_(std::move(connection)), lock_(std::move(lock)) {}
  Result<std::optional<Bytes>> fact(const std::string& name);
  Result<> save_fact(const std::string& name, ByteView value);
  Result<> forget_fact(const std::string& name);
  Result<> add_to_outbox(const std::string& kind, const std::string& key, ByteView value);

  std::mutex mutex_;
  SqliteConnection connection_;
  UniqueFd lock_;
  std::optional<std::string> repaired_;
};

}  // namespace holdfast
