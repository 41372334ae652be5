#pragma once
// Which parts of which files an incremental backup reads, and what it takes over from its parent. Pure.
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "agent/changes/file_decision.h"
#include "agent/incremental/attempt.h"
#include "agent/incremental/gathering.h"
#include "agent/incremental/parent_backup.h"
#include "agent/postgres/copy_plan.h"

namespace holdfast {

// Why files are read whole, and how much is read of the others; for a log.
struct PlanSummary {
  std::map<std::string_view, std::size_t> whole_files;  // by reason
  std::size_t unchanged_files = 0;
  std::size_t changed_files = 0;
  std::uint64_t changed_blocks = 0;
  Gathered gathered;  // read although it did not change
};
std::string to_text(const PlanSummary& summary);

// Reads what `changes` (at least what changed since the parent's start) names, everything that the WAL does not speak
// of, and every file that the parent does not have. `left_out` is read apart.
CopyPlan plan_changed(const std::vector<DataFile>& entries, std::string_view left_out, const ParentBackup& parent,
                      const ChangeMap& changes, const CopyPlanLimits& limits, PlanSummary& summary);

// The same from what is left of a backup that was cut off: what it had not copied is read too.
CopyPlan plan_resumed(const std::vector<DataFile>& entries, std::string_view left_out, const Attempt& attempt,
                      const ChangeMap& changes, const CopyPlanLimits& limits, PlanSummary& summary);

// What plan_changed() does with each entry; nullopt: not a file with content, or `left_out`.
std::vector<std::optional<FileDecision>> decide_files(const std::vector<DataFile>& entries, std::string_view left_out,
                                                      const ParentBackup& parent, const ChangeMap& changes);

// Nothing is known of what changed: everything is read, and what has the content that the parent has is not stored
// again.
CopyPlan plan_compared(const std::vector<DataFile>& entries, std::string_view left_out, const ParentBackup& parent,
                       const CopyPlanLimits& limits);

}  // namespace holdfast
