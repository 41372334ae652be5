#pragma once
// What a restore asks before it changes a directory that it does not make.
#include "agent/restore/restore_checks.h"

namespace holdfast {

// clones where the file system of the directory and of every tablespace can make them. Otherwise what is there will be
// overwritten, and Code::conflict says why it cannot be: somebody else's directory, no place beside it for what the
// backup does not have, a tablespace that another running server uses.
Result<FilesFrom> check_delta(const RestoreTarget& target, const std::vector<Tablespace>& tablespaces,
                              const PostgresRestoreRun& run);

// Whether the log opens with the keys we have, as far as the target says by itself how much of it is needed. Tells a
// key that came after the plan before anything is overwritten. Code::denied.
Result<> check_log_opens(const RestoreTarget& target, const RestorePlan& plan, const PostgresRestoreRun& run);

}  // namespace holdfast
