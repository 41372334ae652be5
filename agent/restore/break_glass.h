#pragma once
// Restoring with nothing but a store and the recovery key: no coordinator, no catalog, on a machine that never
// enrolled.
#include <optional>
#include <string>

#include "shared/crypto/key_file.h"
#include "shared/fleet/fleet.h"
#include "shared/log/log.h"
#include "shared/os/clock.h"
#include "shared/os/process.h"
#include "shared/os/stop.h"
#include "shared/repository/backup_reader.h"

namespace holdfast {

// Stores that were opened with a recovery key.
struct OpenedRepository {
  StoreSet stores;
  TrustAnchor anchor;
  BoxKeyPair recovery;
  std::string fleet_name;
  std::string warning;  // empty: the root key is the one in the recovery key file
};

// Code::denied: the key is not this fleet's. The recovery key file is what is trusted; a store that names another
// fleet, another recovery key or another root key is not believed.
// `stores`: copies of one repository, in the order they are read from.
Result<OpenedRepository> open_repository(FileSystem& files, std::vector<NamedStore> stores, const std::string& key_file,
                                         const std::optional<Passphrase>& passphrase);

// By id, unique prefix of an id, or name; the only one when `wanted` is empty.
Result<DatabaseRecord> choose_database(const std::vector<DatabaseRecord>& databases, const std::string& wanted);
struct BreakGlassRestore {
  std::string database;          // name or id; empty: the only one
  std::string backup;            // id or prefix; empty: by target
  std::string target_directory;  // data directory, or SQLite file or directory
  RecoveryTarget target;
  StartAfter start = StartAfter::start;
  RestoreMethod method = RestoreMethod::full;
  std::optional<int> port;
  std::optional<OsUser> owner;  // nullopt: whose the directory is, "postgres" as root, ourselves
  std::string agent_program;
};

// What was restored. The target directory must be empty, or by delta (PostgreSQL only) may be one of this cluster.
Result<RestoreTarget> restore_from_repository(const OpenedRepository& repository, const BreakGlassRestore& wanted,
                                              Clock& clock, Entropy& entropy, const Logger& log, const StopToken& stop,
                                              const std::function<void(const Progress&)>& progress);

// "list": every database and backup as lines for a person.
Result<std::string> describe_repository(const OpenedRepository& repository);

}  // namespace holdfast
