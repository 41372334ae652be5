#pragma once
// A backup as its node reports it. It is complete when its signed record has been checked and stored, not before.
#include "coordinator/core/state.h"
#include "shared/repository/record.h"

namespace holdfast {

enum class BackupVerdict : std::uint8_t {
  stored,   // or nothing new: go on with the report
  wait,     // its data key has not been reported yet: no answer, the agent comes again
  refused,  // it will never fit: `error` says why
};
struct BackupOutcome {
  BackupVerdict verdict = BackupVerdict::stored;
  std::string error;
};
BackupOutcome backup_reported(Turn& turn, const Node& node, const Job& job, const Backup& reported);

// The row of a complete backup: what its signed record says wins over what `reported` does.
Backup row_from_record(const BackupRecord& record, const Backup& reported, Bytes bytes);

// A failed, cancelled or lost job leaves no running backup behind.
void close_backup(Turn& turn, const Job& job);

// The record as it was signed. Code::not_found: its data key is not in the catalog.
Result<BackupRecord> signed_record_of(const CoreState& state, const Backup& backup);

// What a verification found of its backup's copies.
void backup_verified(Turn& turn, const Job& job);

}  // namespace holdfast
