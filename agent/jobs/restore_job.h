#pragma once
// Restores as jobs: what an order needs on this host, around the functions of agent/restore.
#include <functional>

#include "agent/jobs/job_runner.h"
#include "agent/postgres/server_manager.h"
#include "agent/protection/epochs.h"
#include "agent/protection/shipping.h"
#include "agent/protection/store_access.h"
#include "agent/restore/restore_journal.h"

namespace holdfast {

// All outlive the work.
struct RestoreParts {
  const Enrolled& identity;
  const NodeKeys& keys;
  AgentState& state;
  StoreAccess& stores;
  Epochs& epochs;
  Shipping& shipping;
  Clock& clock;
  const std::string& program;  // our own, for restore_command
  const std::string& state_directory;
  std::string role;              // postgres.role
  CommandsByDirectory commands;  // postgres.servers
  Micros server_timeout;
  Logger log;
  std::function<void()> look_again;  // the host's databases have changed
};

JobWork restore_work(RestoreOrder order, const RestoreParts& parts);
// Puts the directory back that a restore set aside; the restored data is removed.
JobWork rollback_work(RollbackOrder order, const RestoreParts& parts);
// Removes what was set aside.
JobWork finalize_work(FinalizeOrder order, const RestoreParts& parts);

// After a crash: what this restore became when its journal says that it was done, and only its report was not; nullopt:
// it was not.
Result<std::optional<RestoreTarget>> finished_restore(const std::vector<RestoreStep>& steps, RestoreTarget target);
// After a crash: undoes what this restore's journal says was under way, or sees to it that no server starts on what
// cannot be undone.
Result<Interrupted> undo_interrupted_restore(const std::vector<RestoreStep>& steps, const CommandsByDirectory& commands,
                                             Clock& clock);

}  // namespace holdfast
