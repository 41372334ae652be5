#pragma once
// One backup that wants to take over what an earlier one has: from finding its parent to being one.
#include <memory>
#include <string>

#include "agent/incremental/attempt_recorder.h"
#include "agent/incremental/change_tracker.h"
#include "agent/incremental/change_trust.h"
#include "agent/incremental/cross_check.h"
#include "agent/incremental/parent_cache.h"
#include "agent/postgres/base_backup.h"
#include "shared/repository/backup_writer.h"

namespace holdfast {

// Everything outlives it.
class IncrementalBackup {
 public:
  struct Parts {
    ParentCache& parents;
    AttemptCache& attempts;
    ChangeTrust& trust;
    ChangeTracker& tracker;
    const SignPublicKey& signer;
    const StoreSet& stores;
    Clock& clock;
    StopToken stop;
    Logger log;
    std::string no_map = {};  // why nothing is known of what changed; empty: the tracker is asked
  };
  IncrementalBackup(DatabaseId database, BackupType asked, Parts parts)
      : database_(database), asked_(asked), parts_(std::move(parts)) {}

  // BaseBackupRequest::plan. Whatever hinders taking over is a reason() for reading more, not an error.
  Result<CopyPlan> plan(const BackupSituation& situation, const CopyPlanLimits& limits, BackupWriter& writer);

  // What became of it, after plan().
  BackupType type() const { return type_; }
  BackupId parent() const { return parent_; }
  const std::string& reason() const { return reason_; }

  // BackupWriterOptions::pack_stored. A full backup that is cut off is gone on from by the next.
  void pack_stored(const StoredPack& pack) {
    if (recorder_) recorder_->pack_stored(pack);
  }

  // After the files were copied by a full backup: how the map of changed blocks stood up to it; nullopt: it was not
  // asked. When it missed a page it is not trusted any more.
  Result<std::optional<CrossCheck::Outcome>> end_cross_check();

  // Before the record is put. Code::conflict: what it was made from was released meanwhile.
  Result<> check_parent() const;
  // After the record was put: the next one begins from this.
  void remember(const BackupRecord& record, ByteView stored_record, BaseBackupResult& result);

 private:
  Result<TimelineHistory> history_of(Timeline timeline) const;
  Result<ChangeMap> changes_since(const ParentBackup& parent, const BackupSituation& situation,
                                  const TimelineHistory& history, Micros wait);
  Result<CopyPlan> plan_full(const BackupSituation& situation, const CopyPlanLimits& limits, BackupWriter& writer,
                             std::string reason);
  Result<std::optional<CopyPlan>> go_on(const BackupSituation& situation, const CopyPlanLimits& limits,
                                        BackupWriter& writer);
  Result<std::vector<AttemptPack>> left_packs() const;
  Result<bool> are_stored(const std::vector<StoredObject>& packs) const;
  Result<bool> is_stored(BackupId backup) const;
  void begin_cross_check(const BackupSituation& situation);

  const DatabaseId database_;
  const BackupType asked_;
  const Parts parts_;
  BackupType type_ = BackupType::full;
  BackupId parent_;
  std::string reason_;
  std::shared_ptr<CrossCheck> cross_check_;
  std::shared_ptr<AttemptRecorder> recorder_;
  std::vector<StoredObject> gone_on_from_;  // packs of the backup that was cut off
};

}  // namespace holdfast
