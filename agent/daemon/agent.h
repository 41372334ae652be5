#pragma once
// What runs when, and in which order it stops. One thread, this one, owns the conversation with the coordinator and the
// decisions; backups, restores, log shipping and looking at the host have threads of their own and write to its
// mailbox.
#include <map>
#include <memory>
#include <set>
#include <thread>
#include <variant>

#include "agent/daemon/backup_schedule.h"
#include "agent/daemon/config.h"
#include "agent/daemon/connection_keeper.h"
#include "agent/daemon/host_databases.h"
#include "agent/health/health_keeper.h"
#include "agent/jobs/backup_job.h"
#include "agent/jobs/job_runner.h"
#include "agent/jobs/restore_job.h"
#include "agent/protection/directory_claims.h"
#include "agent/protection/epochs.h"
#include "agent/protection/holding.h"
#include "agent/protection/shipping.h"
#include "agent/protection/store_access.h"
#include "agent/session/slot_desk.h"
#include "agent/shutdown/departure.h"
#include "agent/vault/vault_keeper.h"
#include "shared/os/host_shutdown.h"
#include "shared/os/mailbox.h"

namespace holdfast {

// How an agent ended. incomplete: of a database that it was to see to, not everything is accounted for.
enum class AgentEnd : std::uint8_t { whole, incomplete };

class Agent {
 public:
  // All outlive the agent.
  struct Parts {
    const AgentConfig& config;
    const std::string& state_directory;
    const std::string& program;  // our own path, for restore_command
    AgentState& state;
    const NodeKeys& keys;
    const Enrolled& identity;
    const NodeFacts& facts;
    FileSystem& files;
    Clock& clock;
    Entropy& entropy;
    ZmqContext& context;
    Logger log;
    StopToken stop;
    ServiceNotify& service;
  };
  explicit Agent(Parts parts);

  // Until a stop is requested, or its node was shut down.
  Result<AgentEnd> run();

 private:
  struct JobTold {
    JobReport report;
    JobRunner::Stored stored;
  };
  struct SomethingToReport {};
  struct PassWanted {};
  struct LogLost {
    DatabaseId database;
  };
  struct StepTold {
    DatabaseReceipt of;
    JobStep step;
  };
  using Mail = std::variant<JobTold, HostLook, SomethingToReport, LogLost, PassWanted, StepTold, EndedDatabase>;
  enum class Heard : std::uint8_t { now, before };  // by this run of the program, or by one that died since
  struct WaitingOrder {
    Order order;
    std::uint64_t look = 1;  // of the host; it begins when this one was taken in
    Heard heard = Heard::now;
  };

  Result<> begin();
  void read_mail();
  void take(JobTold told);
  void take(HostLook look);
  void take(SomethingToReport);
  void take(LogLost lost);
  void take(PassWanted) {}  // to be woken is all that is wanted
  void take(const StepTold& told);
  void take(EndedDatabase ended);
  void take_in(CoordinatorLink::Received received);
  void serve_passes();
  Result<std::optional<Backup>> find_backup(const Job& job);
  void end_left_backups_when_possible();
  void hurry_while_watched();
  void forget_old_jobs();
  void put_in_force(Assignment assignment);
  void ship_wal();
  void hold_standbys_log();
  void look_after_slots();

  // What is due by the schedule: agent_backups.cc.
  void start_due_backups();
  void ask_for_slots();
  std::string obstacle(const DueNow& due) const;
  SlotDesk::Answer may_begin(const DueNow& due);
  void start_due_backup(const DueNow& due, const SlotDesk::Answer& slot);
  BackupParts backup_parts();
  void accept(const Order& order);
  void start_waiting_orders();
  void start_order(const WaitingOrder& waiting);
  JobWork work_for(const Order& order, JobReport& report);
  JobWork work_for(const BackupOrder& order, JobReport& report);
  JobWork work_for(const RestoreOrder& order, JobReport& report);
  JobWork work_for(const VerifyOrder& order, JobReport& report);
  JobWork work_for(const RollbackOrder& order, JobReport& report);
  JobWork work_for(const FinalizeOrder& order, JobReport& report);
  JobWork work_for(const StoreCheckOrder& order, JobReport& report);
  JobWork work_for(const RefreshOrder& order, JobReport& report);
  JobWork work_for(const CancelOrder& order, JobReport& report);
  JobWork work_for(const ShutdownOrder& order, JobReport& report);

  // Health and readiness: agent_health.cc.
  static HealthKeeper::Parts health_parts(const Parts& parts);
  void look_after_health();
  ProtectedFacts health_facts(const Assigned& assigned, const std::vector<WalPosition>& positions);
  void leave_to_others(std::map<std::string, HostDatabase>& host);
  void leave_to_others_now();

  // Servers that somebody else stops: agent_let_go.cc.
  void let_go_of_stopping_servers();
  void watch_for_host_shutdown();

  // The way out: agent_departure.cc.
  struct EndingDatabase {
    DatabaseReceipt receipt;  // whose it is
    enum class Wave : std::uint8_t { first, second } wave = Wave::first;
    std::function<EndedDatabase()> end;  // on a thread of its own
  };
  void tell_of_unclean_stop(bool of_departure);
  void begin_departure(const Order& order, const ShutdownOrder& what);
  void begin_departure(Departure::What what);
  void look_after_departure();
  void back_to_work();
  std::size_t end_databases();
  std::optional<EndingDatabase> ending(const Assigned& assigned);
  EndingDatabase left_as_it_is(const Assigned& assigned, std::string verdict) const;
  EndingDatabase ending_of_postgres(const Assigned& assigned, const HostDatabase& host);
  std::optional<EndingDatabase> ending_of_sqlite(const Assigned& assigned, const HostDatabase& host);
  Result<Backup> back_up_now(BackupTask task);
  Micros drain_limit() const;
  AgentEnd leave();
  void say_goodbye(const std::vector<WalPosition>& positions);
  JobWork work_for(const CopyOrder& order, JobReport& report);
  JobWork work_for(const ScrubOrder& order, JobReport& report);
  RestoreParts restore_parts();
  Result<BackupTask> backup_task(const Assigned& assigned) const;
  const HostDatabase* on_host(const std::string& key) const;

  Parts parts_;
  Mailbox<Mail> mail_;
  PassDesk desk_;
  KeptPasses passes_;
  PeerStores peers_;
  StoreAccess stores_;
  VaultKeeper vaults_;
  OpenSqliteFiles open_files_;
  Epochs epochs_;
  IncrementalMemory incremental_;
  Shipping shipping_;
  Holding holding_;
  JobRunner runner_;
  BackupSchedule schedule_;
  SlotDesk slots_;
  CoordinatorLink link_;
  ConnectionKeeper connection_;
  std::unique_ptr<HostWatch> watch_;
  Assignment assignment_;
  std::map<std::string, HostDatabase> host_;  // by FoundDatabase::key
  std::uint64_t last_look_ = 0;               // 0: the host is not known yet
  bool hurrying_ = false;
  Micros next_forgetting_{0};
  std::vector<WaitingOrder> waiting_orders_;
  std::set<JobId> cancelled_;  // while orders wait
  // Cut off by a crash, in stores that only the coordinator can let us see.
  std::vector<JobReport> left_backups_;
  std::vector<StoreInfo> left_stores_;
  std::jthread left_ending_;
  HealthKeeper health_;
  DirectoryClaims claims_;
  std::set<std::string> others_;  // keys of clusters that another agent of this host protects
  Micros next_health_{0};
  Micros next_sign_of_life_{0};
  std::optional<std::string> state_problem_;  // why the last sign of life could not be written
  std::map<std::string, Micros> first_seen_;  // databases that nobody has spoken of yet, by key
  // Servers that wait in their stop for their log to be taken: since when, and whom we do not keep any longer.
  std::map<DatabaseId, Micros> stopping_since_;
  std::map<DatabaseId, std::jthread> let_go_;    // ends the receiver
  std::unique_ptr<HostShutdown> host_shutdown_;  // uses shipping_ on a thread of its own
  // On the way out.
  bool going_ = false;
  StopToken hurry_;
  std::unique_ptr<Departure> departure_;
  std::jthread databases_ending_;  // writes to the mailbox
};

}  // namespace holdfast
