#include "agent/jobs/standby_backup.h"

#include <fmt/format.h>

#include "agent/jobs/stored_log.h"

namespace holdfast {
namespace {

// The other node ships within the policy's rpo; beyond that its store is in trouble, and the backup's is the same one.
constexpr Micros wait_for_log_limit = std::chrono::minutes(30);

}  // namespace

Result<> StandbyBackup::begins(const BackupSituation& situation) {
  too_early_ = false;
  segments_ = situation.control.wal_segment_size;
  if (situation.role != ServerRole::standby) {
    return fail(Code::conflict, "the server was promoted and is no standby any more",
                "it is tried again by the node that takes backups then");
  }
  if (situation.control.min_recovery_timeline != situation.timeline) {
    return fail(Code::conflict,
                fmt::format("the standby is on its way from timeline {} to {}", situation.timeline,
                            situation.control.min_recovery_timeline),
                "it is tried again; the primary's next checkpoint ends this");
  }
  const StoredLog log(parts_.stores, database_, situation.timeline);
  const Lsn from = start_of(segment_at(situation.timeline, situation.start, segments_), segments_);
  if (TRY(log.goes_back_to(from))) return {};
  too_early_ = true;
  const std::string shipper = log_node_.empty() ? "no node ships it" : fmt::format("node \"{}\" ships it", log_node_);
  return fail(Code::unavailable,
              fmt::format("a backup of this standby begins at {} of timeline {}, and its log is not in the stores from "
                          "there on; {}",
                          situation.start, situation.timeline, shipper),
              "wait for the primary's next checkpoint, or run CHECKPOINT there");
}

Result<> StandbyBackup::wait_for_log(Timeline timeline, Lsn start, Lsn stop) {
  const StoredLog log(parts_.stores, database_, timeline);
  const Lsn from = start_of(segment_at(timeline, start, segments_), segments_);
  TRY(log.wait_for(from, stop, {wait_for_log_limit, log_node_}, parts_.clock, parts_.stop));
  epochs_ = TRY(log.epochs(from, stop, parts_.anchor));
  return {};
}

}  // namespace holdfast
