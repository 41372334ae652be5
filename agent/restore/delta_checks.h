#pragma once
// What a restore asks before it changes a directory that it does not make.
#include "agent/restore/restore_checks.h"

namespace holdfast {

// clones where the file system of the directory and of every tablespace can make them. Otherwise what is there will be
// overwritten, and Code::conflict says why it cannot be: somebody else's directory, no place beside it for what the
// backup does not have, a tablespace that another running server uses.
Result<FilesFrom> check_delta(const RestoreTarget& target, const std::vector<Tablespace>& tablespaces,
                              const PostgresRestoreRun& run);

}  // namespace holdfast
