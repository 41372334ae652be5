#pragma once
// After a crash: what the journal says was under way and nobody is doing any more.
#include <functional>

#include "agent/postgres/server_manager.h"
#include "agent/state/state.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"

namespace holdfast {

// What a backup job left in the stores: see agent/jobs/finished_backup.
using FindBackup = std::function<Result<std::optional<Backup>>(const Job& job)>;

// What becomes of a backup whose stores cannot be asked (Code::unavailable).
enum class WhenUnknown : std::uint8_t {
  end,   // it has failed, as far as anybody can say
  leave  // as it is: who asks the stores for us will be there soon
};

// Ends every unfinished job: as complete when its work was done and only the word of it is missing (the record of a
// backup is in a store, a restore's journal says so), else as failed with its cause. A restore that was cut off is
// undone first: the old directory goes back to its place; one that was overwritten in part stays down, marked. Call
// before any job starts.
// `commands`: how servers are stopped and started here. Returns what was left.
Result<std::vector<JobReport>> end_interrupted_jobs(AgentState& state, const CommandsByDirectory& commands,
                                                    Clock& clock, const Logger& log, const FindBackup& find_backup,
                                                    WhenUnknown when_unknown = WhenUnknown::end);
// The same for backups that were left, at any time later.
Result<std::vector<JobReport>> end_left_backups(std::vector<JobReport> left, AgentState& state, Clock& clock,
                                                const Logger& log, const FindBackup& find_backup);

}  // namespace holdfast
