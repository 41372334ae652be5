#pragma once
// What runs when, and in which order it stops. One thread, this one, owns the conversation with the coordinator and the
// decisions; backups, restores, log shipping and looking at the host have threads of their own and write to its
// mailbox.
#include <map>
#include <memory>
#include <set>
#include <variant>

#include "agent/daemon/backup_schedule.h"
#include "agent/daemon/config.h"
#include "agent/daemon/connection_keeper.h"
#include "agent/daemon/host_databases.h"
#include "agent/jobs/backup_job.h"
#include "agent/jobs/job_runner.h"
#include "agent/jobs/restore_job.h"
#include "agent/protection/epochs.h"
#include "agent/protection/shipping.h"
#include "agent/protection/store_access.h"
#include "shared/os/mailbox.h"

namespace holdfast {

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
  };
  explicit Agent(Parts parts);

  // Until a stop is requested.
  Result<> run();

 private:
  struct JobTold {
    JobReport report;
    JobRunner::Stored stored;
  };
  struct SomethingToReport {};
  struct LogLost {
    DatabaseId database;
  };
  using Mail = std::variant<JobTold, std::vector<HostDatabase>, SomethingToReport, LogLost>;

  Result<> begin();
  void read_mail();
  void take(JobTold told);
  void take(std::vector<HostDatabase> databases);
  void take(SomethingToReport);
  void take(LogLost lost);
  void take_in(CoordinatorLink::Received received);
  void hurry_while_watched();
  void forget_old_jobs();
  void put_in_force(Assignment assignment);
  void ship_wal();
  void look_after_slots();
  void start_due_backups();

  BackupParts backup_parts();
  void start_waiting_orders();
  void start_order(const Order& order);
  JobWork work_for(const Order& order, JobReport& report);
  JobWork work_for(const BackupOrder& order, JobReport& report);
  JobWork work_for(const RestoreOrder& order, JobReport& report);
  JobWork work_for(const VerifyOrder& order, JobReport& report);
  JobWork work_for(const RollbackOrder& order, JobReport& report);
  JobWork work_for(const FinalizeOrder& order, JobReport& report);
  JobWork work_for(const StoreCheckOrder& order, JobReport& report);
  JobWork work_for(const RefreshOrder& order, JobReport& report);
  JobWork work_for(const CancelOrder& order, JobReport& report);
  RestoreParts restore_parts();
  Result<BackupTask> backup_task(const Assigned& assigned) const;
  const HostDatabase* on_host(const std::string& key) const;

  Parts parts_;
  Mailbox<Mail> mail_;
  StoreAccess stores_;
  OpenSqliteFiles open_files_;
  Epochs epochs_;
  IncrementalMemory incremental_;
  Shipping shipping_;
  JobRunner runner_;
  BackupSchedule schedule_;
  CoordinatorLink link_;
  ConnectionKeeper connection_;
  std::unique_ptr<HostWatch> watch_;
  Assignment assignment_;
  std::map<std::string, HostDatabase> host_;  // by FoundDatabase::key
  bool host_known_ = false;
  bool hurrying_ = false;
  Micros next_forgetting_{0};
  std::vector<Order> waiting_orders_;
  std::set<JobId> cancelled_;  // while orders wait
};

}  // namespace holdfast
