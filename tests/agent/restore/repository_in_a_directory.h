#pragma once
// A store in a directory with a fleet, one database and its recovery key, as agents leave it behind.
#include <sys/stat.h>

#include "agent/restore/break_glass.h"
#include "shared/identity/stored_keys.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/store/posix_store.h"
#include "tests/harness/temporary_directory.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {

class RepositoryInADirectory {
 public:
  explicit RepositoryInADirectory(Engine engine) : engine_(engine) {
    ::chmod(place.path().c_str(), 0755);  // servers of another user work below it
    FleetRecord record;
    record.fleet = fleet.fleet;
    record.name = "test";
    record.root = fleet.root.public_key;
    record.recovery = fleet.recovery.public_key;
    record.created_at = fleet.from;
    EXPECT_TRUE(stores.put(fleet_record_name(), encode_fleet_record(record, fleet.root)));
    EXPECT_TRUE(stores.put(epoch_name(fleet.database, fleet.epoch.key.id), fleet.epoch.object));
    DatabaseRecord database;
    database.fleet = fleet.fleet;
    database.database = fleet.database;
    database.engine = engine;
    database.name = "orders";
    database.created_at = fleet.from;
    database.epoch = fleet.epoch.key.id;
    EXPECT_TRUE(stores.put(database_record_name(fleet.database), encode_database_record(database, fleet.signer)));
    const KeyFacts facts{{"fleet", fleet.fleet.text()}, {"root", fleet.root.public_key.text()}};
    EXPECT_TRUE(write_key_file(files, entropy, key_path(), to_key_file(KeyKind::recovery, facts, fleet.recovery),
                               std::nullopt));
  }
  std::string key_path() const { return place.path() + "/recovery.key"; }
  std::string store_path() const { return place.path() + "/store"; }

  BackupRecord new_record() const {
    BackupRecord record;
    record.node = fleet.node;
    record.database_name = "orders";
    record.engine = engine_;
    return record;
  }
  std::vector<NamedStore> copies() { return {{store_path(), std::make_shared<PosixStore>(files, store_path())}}; }
  Result<OpenedRepository> open() { return open_repository(files, copies(), key_path(), std::nullopt); }
  // As the break-glass command does it.
  Result<RestoreTarget> restore(const BreakGlassRestore& wanted) {
    const OpenedRepository repository = TRY(open());
    return restore_from_repository(repository, wanted, clock, entropy, Logger::none(), StopToken(), {});
  }

  TemporaryDirectory place;
  PosixFileSystem files;
  SystemClock clock;
  SystemEntropy entropy;
  TestFleet fleet;
  std::shared_ptr<PosixStore> store = std::make_shared<PosixStore>(files, store_path());
  StoreSet stores{{{"local", store}}, 1};

 private:
  Engine engine_;
};

}  // namespace holdfast
