#pragma once
// One backup of one database, from the first byte to the record that makes it exist.
#include "agent/incremental/incremental_memory.h"
#include "agent/jobs/job_runner.h"
#include "agent/postgres/base_backup.h"
#include "agent/protection/epochs.h"
#include "agent/protection/shipping.h"
#include "agent/protection/store_access.h"
#include "agent/sqlite/open_files.h"

namespace holdfast {

struct BackupTask {
  Assigned assigned;
  std::vector<StoreInfo> stores;
  Bytes fleet_record;
  BackupId backup;
  BackupType asked = BackupType::full;
  std::string note;
  PageCheck page_check = PageCheck::verify;
  FoundDatabase found;
  std::optional<PostgresEndpoint> endpoint;  // PostgreSQL
};

// All outlive the work.
struct BackupParts {
  const Enrolled& identity;
  const NodeKeys& keys;
  StoreAccess& stores;
  Epochs& epochs;
  Shipping& shipping;
  IncrementalMemory& incremental;
  OpenSqliteFiles& open_files;
  Clock& clock;
  Entropy& entropy;
  Logger log;
  std::string scratch_directory;
};

JobWork backup_work(BackupTask task, const BackupParts& parts);

// What writing to this database needs, from what the coordinator said of it.
Result<ProtectedDatabase> protected_database(const Assigned& assigned, const FoundDatabase& found,
                                             const std::vector<StoreInfo>& stores, StoreAccess& access);

}  // namespace holdfast
