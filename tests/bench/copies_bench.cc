// What copies cost: one backup into one, two and three stores at once, a lost store filled again, and a copy looked
// through without keys. Stores are directories below the temporary one.
#include <benchmark/benchmark.h>

#include <filesystem>

#include "shared/os/posix_file_system.h"
#include "shared/repository/copies.h"
#include "shared/store/posix_store.h"
#include "tests/harness/temporary_directory.h"
#include "tests/shared/repository/fixture.h"

namespace holdfast {
namespace {

constexpr std::size_t backup_size = 512U << 20U;

std::int64_t signed_size(std::size_t size) {
  return static_cast<std::int64_t>(size);
}

class Places {
 public:
  StoreSet first(std::size_t count) {
    std::vector<NamedStore> chosen;
    for (std::size_t i = 0; i < count; ++i) chosen.push_back(place(i));
    return StoreSet(std::move(chosen), 1);
  }
  NamedStore place(std::size_t i) {
    const std::string name = "store" + std::to_string(i);
    return {name, std::make_shared<PosixStore>(files_, directory_ / name)};
  }
  void clear() {
    for (const auto& entry : std::filesystem::directory_iterator(directory_ / "")) std::filesystem::remove_all(entry);
  }

 private:
  TemporaryDirectory directory_;
  PosixFileSystem files_;
};

// Half of it compresses, as data files do.
BackupId back_up(TestFleet& fleet, const StoreSet& stores, const std::vector<Bytes>& frames) {
  const auto id = fleet.entropy.id<BackupId>();
  (void)stores.put(epoch_name(fleet.database, fleet.epoch.key.id), fleet.epoch.object).has_value();
  BackupWriter writer(fleet.fleet, fleet.database, id, fleet.epoch.key, stores, fleet.entropy, {});
  auto worker = writer.worker();
  Manifest manifest;
  manifest.page_size = 512;
  for (std::size_t done = 0; done < backup_size; done += frame_plain_target) {
    (void)worker.add_frame(frames[(done / frame_plain_target) % frames.size()]).has_value();
  }
  (void)worker.finish().has_value();
  (void)writer.put_manifest(manifest).has_value();
  BackupRecord record;
  record.node = fleet.node;
  record.database_name = "orders";
  record.engine = Engine::sqlite;
  record.finished_at = fleet.from;
  (void)writer.finish(record, fleet.signer).has_value();
  return id;
}

std::vector<Bytes> content(TestFleet& fleet) {
  return {fleet.random_bytes(frame_plain_target), fleet.text_bytes(frame_plain_target)};
}

void backup_into(benchmark::State& state, std::size_t stores) {
  TestFleet fleet;
  Places places;
  const auto frames = content(fleet);
  for (auto step : state) {
    (void)step;
    back_up(fleet, places.first(stores), frames);
    state.PauseTiming();
    places.clear();
    state.ResumeTiming();
  }
  state.SetBytesProcessed(signed_size(backup_size) * state.iterations());
}

void repair_of_a_lost_store(benchmark::State& state) {
  TestFleet fleet;
  Places places;
  const BackupId backup = back_up(fleet, places.first(1), content(fleet));
  std::uint64_t bytes = 0;
  std::size_t next = 1;
  for (auto step : state) {
    (void)step;
    const CopyPlace place{places.place(next++), {places.place(0)}};
    const auto done = copy_backup(place, fleet.anchor(), fleet.database, backup, Thoroughness::looked_up, {});
    if (!done) {
      state.SkipWithError(done.error().message.c_str());
      return;
    }
    bytes += done->copied_bytes;
  }
  state.SetBytesProcessed(signed_size(bytes));
}

void scrub_of_a_copy(benchmark::State& state) {
  TestFleet fleet;
  Places places;
  const BackupId backup = back_up(fleet, places.first(2), content(fleet));
  std::uint64_t bytes = 0;
  for (auto step : state) {
    (void)step;
    const auto done = scrub_backup({places.place(1), {places.place(0)}}, fleet.anchor(), fleet.database, backup, {});
    if (!done || !done->findings.empty()) {
      state.SkipWithError("not sound");
      return;
    }
    bytes += done->bytes;
  }
  state.SetBytesProcessed(signed_size(bytes));
}

BENCHMARK_CAPTURE(backup_into, one_store, 1)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(backup_into, two_stores, 2)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(backup_into, three_stores, 3)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(repair_of_a_lost_store)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
BENCHMARK(scrub_of_a_copy)->UseRealTime()->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast
