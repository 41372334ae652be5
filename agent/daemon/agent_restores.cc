// The agent's orders that put data back.
#include "agent/daemon/agent.h"
#include "agent/jobs/restore_job.h"

namespace holdfast {

RestoreParts Agent::restore_parts() {
  return {parts_.identity,
          parts_.keys,
          parts_.state,
          stores_,
          epochs_,
          shipping_,
          parts_.clock,
          parts_.program,
          parts_.state_directory,
          parts_.config.postgres.role,
          parts_.config.postgres.commands,
          parts_.config.postgres.stop_timeout,
          parts_.log,
          [this] {
            if (watch_) watch_->look_now();
          }};
}

JobWork Agent::work_for(const RestoreOrder& order, JobReport& report) {
  report.job.kind = JobKind::restore;
  report.job.database = order.target.database;
  report.job.backup = order.target.backup;
  report.job.restore = order.restore;
  report.target = order.target;
  return restore_work(order, restore_parts());
}

JobWork Agent::work_for(const RollbackOrder& order, JobReport& report) {
  report.job.kind = JobKind::rollback;
  report.job.database = order.target.database;
  report.job.restore = order.restore;
  return rollback_work(order, restore_parts());
}

JobWork Agent::work_for(const FinalizeOrder& order, JobReport& report) {
  report.job.kind = JobKind::finalize;
  report.job.database = order.target.database;
  report.job.restore = order.restore;
  return finalize_work(order, restore_parts());
}

}  // namespace holdfast
