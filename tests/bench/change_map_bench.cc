// What it costs to keep which blocks changed: to add, merge, ask, and to go to disk and back. On one core, in blocks or
// maps a second.
#include <benchmark/benchmark.h>

#include <random>

#include "agent/changes/change_map.h"

namespace holdfast {
namespace {

// Blocks of relations as their records might come: `forks` relations of `blocks` blocks each.
struct Shape {
  std::uint32_t forks = 1;
  std::uint32_t blocks = 1;
};

struct Change {
  RelationFork fork;
  std::uint32_t block = 0;
};

RelationFork fork_of(std::uint32_t number) {
  return {.tablespace = 1663, .database = 5, .relation = 16384 + number, .fork = Fork::main};
}

std::vector<Change> random_changes(Shape shape, std::size_t count, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Change> changes;
  changes.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto fork = static_cast<std::uint32_t>(random() % shape.forks);
    changes.push_back({fork_of(fork), static_cast<std::uint32_t>(random() % shape.blocks)});
  }
  return changes;
}

ChangeMap map_of(const std::vector<Change>& changes) {
  ChangeMap map;
  for (const Change& change : changes) map.block_changed(change.fork, change.block);
  return map;
}

constexpr std::size_t change_count = 200'000;

void add(benchmark::State& state, Shape shape) {
  const auto changes = random_changes(shape, change_count, 1);
  std::size_t memory = 0;
  for (auto step : state) {
    (void)step;
    memory = map_of(changes).memory();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(changes.size()) * static_cast<std::int64_t>(state.iterations()));
  state.counters["memory"] = static_cast<double>(memory);
}

void add_ascending(benchmark::State& state) {
  for (auto step : state) {
    (void)step;
    ChangeMap map;
    for (std::uint32_t block = 0; block < change_count; ++block) map.block_changed(fork_of(0), block);
    benchmark::DoNotOptimize(map.memory());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(change_count) * static_cast<std::int64_t>(state.iterations()));
}

void contains(benchmark::State& state, Shape shape) {
  const ChangeMap map = map_of(random_changes(shape, change_count, 1));
  const auto questions = random_changes(shape, change_count, 2);
  for (auto step : state) {
    (void)step;
    std::size_t found = 0;
    for (const Change& question : questions) found += map.contains(question.fork, question.block) ? 1U : 0U;
    benchmark::DoNotOptimize(found);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(questions.size()) * static_cast<std::int64_t>(state.iterations()));
}

void merge(benchmark::State& state, Shape shape) {
  const ChangeMap earlier = map_of(random_changes(shape, change_count, 1));
  const ChangeMap later = map_of(random_changes(shape, change_count, 2));
  for (auto step : state) {
    (void)step;
    state.PauseTiming();
    ChangeMap both = earlier;
    state.ResumeTiming();
    both.merge(later);
    benchmark::DoNotOptimize(both.memory());
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

void encode(benchmark::State& state, Shape shape) {
  const ChangeMap map = map_of(random_changes(shape, change_count, 1));
  std::size_t size = 0;
  for (auto step : state) {
    (void)step;
    size = map.encode().size();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
  state.counters["size"] = static_cast<double>(size);
}

void decode(benchmark::State& state, Shape shape) {
  const Bytes bytes = map_of(random_changes(shape, change_count, 1)).encode();
  for (auto step : state) {
    (void)step;
    if (!ChangeMap::decode(bytes)) state.SkipWithError("not decoded");
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(state.iterations()));
}

// One table of 32 GB, changed all over; a schema of small tables; a table where every page is hit several times.
constexpr Shape large_table{.forks = 1, .blocks = 4U << 20U};
constexpr Shape many_tables{.forks = 5'000, .blocks = 1'000};
constexpr Shape hot_table{.forks = 1, .blocks = 20'000};

BENCHMARK(add_ascending);
BENCHMARK_CAPTURE(add, large_table, large_table);
BENCHMARK_CAPTURE(add, many_tables, many_tables);
BENCHMARK_CAPTURE(add, hot_table, hot_table);
BENCHMARK_CAPTURE(contains, large_table, large_table);
BENCHMARK_CAPTURE(contains, many_tables, many_tables);
BENCHMARK_CAPTURE(merge, large_table, large_table)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(merge, many_tables, many_tables)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, large_table, large_table)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(encode, many_tables, many_tables)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, large_table, large_table)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decode, many_tables, many_tables)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace holdfast
