// Deciding over a fleet's backups: 1,000 databases with 1,000 backups each, a full one and 23 incremental ones in turn,
// and the log that they need.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <sys/resource.h>

#include "coordinator/core/retention.h"
#include "coordinator/core/wal_keep.h"

namespace holdfast {
namespace {

constexpr std::uint32_t databases = 1000;
constexpr std::uint32_t backups_each = 1000;
const Timestamp now = Timestamp::from_micros(1'800'000'000'000'000);

struct Fleet {
  std::vector<std::vector<Backup>> backups;
  std::vector<ObjectsByBackup> objects;
  std::vector<RetentionInput> inputs;
};

BackupId id_of(std::uint32_t database, std::uint32_t number) {
  Bytes bytes;
  append_be(bytes, std::uint64_t{0x9e3779b97f4a7c15} * (std::uint64_t{database} * backups_each + number + 1));
  append_be(bytes, std::uint64_t{number});
  return *BackupId::from_bytes(bytes);
}

// Hourly; an incremental one reads three packs of its full one.
Backup backup_of(std::uint32_t database, std::uint32_t number) {
  Backup out;
  out.id = id_of(database, number);
  out.state = BackupState::complete;
  out.type = number % 24 == 0 ? BackupType::full : BackupType::incremental;
  out.finished_at = now - std::chrono::hours(backups_each - number);
  out.started_at = out.finished_at - std::chrono::minutes(5);
  out.start_lsn = Lsn(std::uint64_t{number} << 28U);
  out.stop_lsn = Lsn((std::uint64_t{number} << 28U) + 4096);
  out.timeline = Timeline(1);
  out.stored_bytes = out.type == BackupType::full ? 200'000'000 : 2'000'000;
  out.copies = {{"local", "ok"}, {"offsite", "ok"}};
  return out;
}

BackupObjects objects_of(std::uint32_t database, std::uint32_t number) {
  BackupObjects out;
  const std::uint32_t full = number / 24 * 24;
  for (std::uint32_t pack = 0; pack < 4; ++pack) out.packs.push_back({id_of(database, full), pack, 50'000'000});
  if (number != full) out.packs[3] = {id_of(database, number), 0, 2'000'000};
  return out;
}

Fleet fleet_with(const Policy& policy) {
  Fleet fleet;
  fleet.backups.resize(databases);
  fleet.objects.resize(databases);
  for (std::uint32_t i = 0; i < databases; ++i) {
    fleet.inputs.emplace_back();
    RetentionInput& input = fleet.inputs.back();
    input.database_name = fmt::format("database-{}", i);
    input.policy = policy;
    input.objects = &fleet.objects[i];
    input.now = now;
    fleet.backups[i].reserve(backups_each);
    for (std::uint32_t number = 0; number < backups_each; ++number) {
      fleet.backups[i].push_back(backup_of(i, number));
      fleet.objects[i][id_of(i, number)] = objects_of(i, number);
      input.backups.push_back(&fleet.backups[i].back());
    }
  }
  return fleet;
}

Policy seven_years() {
  Policy policy;
  policy.name = "production";
  policy.timezone = "Europe/Berlin";
  policy.hourly = 24;
  policy.daily = 30;
  policy.weekly = 52;
  policy.monthly = 84;
  policy.pitr = std::chrono::hours(24 * 7);
  return policy;
}

double peak_mib() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

void tell(benchmark::State& state, double rows_mib) {
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()) * databases * backups_each);
  state.counters["rows_MiB"] = rows_mib;
  state.counters["deciding_MiB"] = peak_mib() - rows_mib;
}

void retention_by_rules(benchmark::State& state) {
  const Fleet fleet = fleet_with(seven_years());
  const double rows_mib = peak_mib();
  for (auto _ : state) benchmark::DoNotOptimize(decide_retention(fleet.inputs, DecisionsWanted::released));
  tell(state, rows_mib);
}
BENCHMARK(retention_by_rules)->Unit(benchmark::kMillisecond);

void retention_by_a_budget_for_all(benchmark::State& state) {
  Policy policy = seven_years();
  policy.total_bytes = 1'000'000'000'000;
  const Fleet fleet = fleet_with(policy);
  const double rows_mib = peak_mib();
  for (auto _ : state) benchmark::DoNotOptimize(decide_retention(fleet.inputs, DecisionsWanted::released));
  tell(state, rows_mib);
}
BENCHMARK(retention_by_a_budget_for_all)->Unit(benchmark::kMillisecond);

void log_of_all(benchmark::State& state) {
  const Fleet fleet = fleet_with(seven_years());
  WalRange range;
  range.timeline = Timeline(1);
  range.last = Lsn(std::uint64_t{backups_each + 1} << 28U);
  range.through_time = now;
  range.segment_size = std::uint64_t{16} << 20U;
  const double rows_mib = peak_mib();
  for (auto _ : state) {
    for (const RetentionInput& input : fleet.inputs) {
      const auto keep = wal_to_keep({input.backups, {range}, {}, {}, input.policy->pitr, now});
      benchmark::DoNotOptimize(cut_wal_ranges({range}, *keep));
    }
  }
  tell(state, rows_mib);
}
BENCHMARK(log_of_all)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast
