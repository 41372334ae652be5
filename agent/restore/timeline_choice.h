#pragma once
// Which backup along which timeline, when nobody but the stores can be asked. The rule is that of the coordinator's
// plans (coordinator/core/restore_plan): a restore that was rolled back leaves a timeline behind that is higher than
// the one the server goes on with, so the highest is not always the one that is wanted. Pure.
#include <functional>
#include <vector>

#include "shared/fleet/fleet.h"
#include "shared/postgres/timeline_history.h"
#include "shared/repository/backup_reader.h"
#include "shared/repository/wal_reader.h"

namespace holdfast {

// The one that was written last; of equals the highest. Never empty: Timeline(1) when nothing is known.
Timeline current_timeline(const std::vector<WalTimeline>& timelines);
// For a moment, best first: the one that was written then; when its log does not reach that far, the later ones, then
// those from before that were taken up again. `timelines` are ordered.
std::vector<Timeline> timelines_at(const std::vector<WalTimeline>& timelines, Timestamp time);

struct RestoreSource {
  BackupRecord backup;
  Timeline timeline;  // to replay along
};
using HistoryOf = std::function<Result<TimelineHistory>(Timeline)>;

// The newest backup from which the target can be reached on the timeline that the target means: the one it names, the
// one that was written at its time, else the current one. A backup that was named goes along its own timeline when it
// does not lead to that one. Errors as choose_backup.
Result<RestoreSource> choose_source(const std::vector<BackupRecord>& backups, std::vector<WalTimeline> timelines,
                                    const RecoveryTarget& target, const std::string& wanted_backup,
                                    const HistoryOf& history);

// The newest backup from which the target can be reached, whatever the timeline. Code::not_restorable names the nearest
// one there is; not_found, invalid: of a named one.
Result<BackupRecord> choose_backup(const std::vector<BackupRecord>& backups, const RecoveryTarget& target,
                                   const std::string& wanted_backup);

}  // namespace holdfast
