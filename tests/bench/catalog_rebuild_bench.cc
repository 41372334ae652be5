// A store full of signed records, to measure `holdfast-coordinator catalog rebuild` with: names, epochs, records and
// objects as agents would have written them, the objects' content aside. Prints the commands to run.
//   catalog_rebuild_bench DIRECTORY [DATABASES] [BACKUPS OF EACH]
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "coordinator/catalog/rocks_store.h"
#include "coordinator/catalog/rows.h"
#include "coordinator/shell/checkpoint_writer.h"
#include "coordinator/shell/state_directory.h"
#include "coordinator/shell/store_opener.h"
#include "shared/base/parallel.h"
#include "shared/os/posix_file_system.h"
#include "shared/os/system_entropy.h"
#include "shared/repository/record.h"

namespace holdfast {
namespace {

constexpr std::size_t object_bytes = 64;

// Written plainly: what is measured is the reading.
void write_file(const std::string& path, ByteView content) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
}

struct Host {
  NodeId id;
  SignKeyPair signer;
  CertificateChain chain;
};

struct Scene {
  std::string store;
  FleetId fleet;
  BoxPublicKey recovery;
  SystemEntropy entropy;
};

void write_backup(Scene& scene, const Host& host, DatabaseId database, const EpochKey& epoch, Timestamp at) {
  BackupRecord record;
  record.fleet = scene.fleet;
  record.database = database;
  record.node = host.id;
  record.backup = scene.entropy.id<BackupId>();
  record.job = scene.entropy.id<JobId>();
  record.engine_version = "15.18";
  record.system_id = SystemId(7);
  record.started_at = at;
  record.finished_at = at + std::chrono::minutes(1);
  record.database_name = "orders-" + database.text().substr(0, 8);
  record.source_path = "/var/lib/postgresql/15/main";
  record.epoch = epoch.id;
  record.needed_epochs = {epoch.id};
  const Bytes content(object_bytes, 1);
  for (const auto& name : {pack_name(database, record.backup, 0), manifest_name(database, record.backup)}) {
    record.objects.push_back({name, content.size(), sha256(content)});
    write_file(scene.store + "/" + name, content);
  }
  write_file(scene.store + "/" + record_name(database, record.backup), encode_record(record, host.signer));
}

Result<> write_database(Scene& scene, const Host& host, DatabaseId database, std::size_t backups) {
  const Timestamp begin = Timestamp::from_micros(1'700'000'000'000'000);
  const NewEpoch epoch = TRY(make_epoch(scene.entropy, scene.fleet, database, host.id, {{"recovery", scene.recovery}},
                                        host.chain, host.signer, begin));
  write_file(scene.store + "/" + epoch_name(database, epoch.key.id), epoch.object);
  DatabaseRecord record{scene.fleet, database, Engine::postgres, "orders-" + database.text().substr(0, 8),
                        SystemId(7), begin,    epoch.key.id};
  write_file(scene.store + "/" + database_record_name(database), encode_database_record(record, host.signer));
  for (std::size_t i = 0; i < backups; ++i) {
    write_backup(scene, host, database, epoch.key, begin + std::chrono::hours(i));
  }
  return {};
}

Host make_host(Scene& scene, const StateDirectory& state) {
  Host host;
  host.id = scene.entropy.id<NodeId>();
  host.signer = make_sign_key(scene.entropy);
  host.chain.intermediate = state.intermediate_certificate;
  const Timestamp from = Timestamp::from_micros(1'600'000'000'000'000);
  host.chain.node = issue_node(
      state.intermediate,
      {state.fleet, host.id, "db-" + host.id.text().substr(0, 8), make_curve_key(scene.entropy).public_key,
       host.signer.public_key, make_box_key(scene.entropy).public_key, 1, from, from + std::chrono::hours(24 * 3650)});
  return host;
}

Result<> write_checkpoint_of(PosixFileSystem& files, Scene& scene, const CreatedFleet& fleet, StateDirectory& state) {
  const auto catalog = TRY(RocksStore::open(state.catalog, OpenCatalog::existing_only));
  const std::uint64_t epoch = TRY(catalog->begin_epoch());
  StoreInfo store;
  store.id = scene.entropy.id<StoreId>();
  store.name = "local";
  store.path = scene.store;
  TRY(catalog->commit({put_row(store)}, epoch));
  const CheckpointIdentity identity{state.fleet,
                                    state.root,
                                    state.recovery,
                                    state.intermediate_certificate,
                                    {state.intermediate.public_key, state.intermediate.secret_key.clone()},
                                    epoch,
                                    TRY(read_state_files(files, fleet.state_directory))};
  SystemClock clock;
  const auto written = TRY(
      write_checkpoint(identity, *catalog, 1, clock.now(), store_opener({files, clock, scene.entropy}), scene.entropy));
  if (written.front().not_taken) return std::unexpected(*written.front().not_taken);
  return {};
}

Result<> make_scene(const std::string& directory, std::size_t databases, std::size_t backups) {
  PosixFileSystem files;
  Scene scene;
  CreateFleetOptions options;
  options.directory = directory + "/fleet";
  const CreatedFleet fleet = TRY(create_fleet(files, scene.entropy, SystemClock().now(), std::move(options)));
  StateDirectory state = TRY(read_state_directory(files, fleet.state_directory));
  scene.store = directory + "/store";
  scene.fleet = state.fleet;
  scene.recovery = state.recovery;
  write_file(scene.store + "/.holdfast-store", as_bytes("holdfast store 1\n"));
  write_file(scene.store + "/" + fleet_record_name(), state.fleet_record);
  const Host host = make_host(scene, state);
  TRY(in_parallel(databases, 4,
                  [&](std::size_t) { return write_database(scene, host, scene.entropy.id<DatabaseId>(), backups); }));
  TRY(write_checkpoint_of(files, scene, fleet, state));
  fmt::print(
      "/usr/bin/time -v holdfast-coordinator catalog rebuild --state {0}/rebuilt --from {0}/store "
      "--recovery-key {1} -o json > {0}/report.json\n",
      directory, fleet.recovery_key);
  return {};
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "catalog_rebuild_bench DIRECTORY [DATABASES] [BACKUPS OF EACH]\n");
    return 2;
  }
  const auto number = [&](int at, std::size_t otherwise) {
    return argc > at ? static_cast<std::size_t>(std::strtoull(argv[at], nullptr, 10)) : otherwise;
  };
  const auto made = holdfast::make_scene(argv[1], number(2, 1000), number(3, 100));
  if (made) return 0;
  fmt::print(stderr, "{}\n", made.error().text());
  return 1;
}
