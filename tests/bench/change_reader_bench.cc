// How fast WAL is read, on one core: GB/s of log. The WAL is made by a PostgreSQL 15 when this starts; or, with
// HOLDFAST_BENCH_WAL=DIR, it is what lies in that pg_wal directory (segments of 16 MiB, of one timeline, without a
// gap).
#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "agent/changes/change_reader.h"
#include "shared/postgres/crc32c.h"
#include "tests/agent/changes/wal_workload.h"

namespace holdfast {
namespace {

class CountingSink final : public ChangeSink {
 public:
  void block_changed(const RelationFork& fork, std::uint32_t block) override {
    ++blocks;
    mixed += fork.relation ^ block;
  }
  void limited(const RelationFork&, std::uint32_t) override { ++others; }
  void database_replaced(std::uint32_t, std::uint32_t) override { ++others; }
  void doubted(Lsn at, std::string reason) override {
    std::fprintf(stderr, "%s: %s\n", to_text(at).c_str(), reason.c_str());
    std::exit(1);
  }
  std::uint64_t blocks = 0;
  std::uint64_t others = 0;
  std::uint64_t mixed = 0;
};

Result<WalBytes> wal_of_directory(const std::string& directory) {
  WalBytes wal;
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::string name = entry.path().filename();
    if (parse_segment_name(name, wal.segment_size)) names.push_back(std::move(name));
  }
  std::ranges::sort(names);
  if (names.empty()) return fail(Code::not_found, "no WAL segments in " + directory);
  wal.start = start_of(TRY(parse_segment_name(names[0], wal.segment_size)), wal.segment_size);
  for (const std::string& name : names) {
    std::ifstream file(directory + "/" + name);
    const std::string content{std::istreambuf_iterator<char>(file), {}};
    append(wal.bytes, as_bytes(content));
  }
  return wal;
}

Result<Bytes> wal_between(const PostgresCluster& cluster, const std::vector<std::string>& statements, Lsn& from) {
  TRY(cluster.sql("SELECT pg_switch_wal()"));
  from = TRY(parse_lsn(TRY(cluster.sql("SELECT pg_current_wal_insert_lsn()"))));
  for (const std::string& statement : statements) TRY(cluster.sql(statement));
  const Lsn to = TRY(flushed_wal(cluster));
  WalBytes wal = TRY(read_wal(cluster, Timeline(1), from, to));
  from = wal.start;
  return std::move(wal.bytes);
}

void read_all(benchmark::State& state, const WalBytes& wal, std::size_t piece) {
  ChangeReader reader(wal.segment_size, std::nullopt);
  CountingSink sink;
  for (auto step : state) {
    (void)step;
    reader.begin(Timeline(1), wal.start);
    for (std::size_t at = 0; at < wal.bytes.size(); at += piece) {
      const ByteView part = ByteView(wal.bytes).subspan(at, std::min(piece, wal.bytes.size() - at));
      if (!reader.add(wal.start + at, part, sink)) state.SkipWithError("not read");
    }
  }
  benchmark::DoNotOptimize(sink.mixed);
  const auto rounds = static_cast<double>(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(wal.bytes.size()) * static_cast<std::int64_t>(state.iterations()));
  state.counters["MB"] = static_cast<double>(wal.bytes.size()) / 1e6;
  state.counters["blocks"] = static_cast<double>(sink.blocks) / rounds;
}

void add_benchmarks(const std::string& name, const WalBytes& wal) {
  for (const std::size_t piece : {std::size_t{128} << 10, std::size_t{16} << 20, std::size_t{1000}}) {
    benchmark::RegisterBenchmark(fmt::format("read/{}/pieces_of_{}", name, piece).c_str(),
                                 [&wal, piece](benchmark::State& state) { read_all(state, wal, piece); });
  }
  benchmark::RegisterBenchmark(fmt::format("crc32c_alone/{}", name).c_str(), [&wal](benchmark::State& state) {
    for (auto step : state) {
      (void)step;
      benchmark::DoNotOptimize(crc32c(wal.bytes));
    }
    state.SetBytesProcessed(static_cast<std::int64_t>(wal.bytes.size()) *
                            static_cast<std::int64_t>(state.iterations()));
  });
}

struct Sample {
  std::string name;
  WalBytes wal;
};

Result<std::vector<Sample>> samples_of_server() {
  const PostgresCluster cluster = TRY(PostgresCluster::started({.settings = wal_workload_settings()}));
  auto arguments = cluster.connection_arguments();
  std::vector<Sample> samples;
  const auto add = [&](const std::string& name, const std::vector<std::string>& statements) -> Result<> {
    Lsn from;
    Bytes bytes = TRY(wal_between(cluster, statements, from));
    samples.push_back({name, {WalSegmentSize(), from, std::move(bytes)}});
    return {};
  };
  // Nearly all small records: rows of one transaction, after the pages' images were written.
  TRY(add("rows", {"CREATE TABLE rows (id int PRIMARY KEY, v int)",
                   "INSERT INTO rows SELECT i, i FROM generate_series(1, 400000) i", "UPDATE rows SET v = v + 1"}));
  // Nearly all images of pages.
  TRY(add("images", {"CHECKPOINT", "UPDATE rows SET v = v + 1 WHERE id % 20 = 0", "CREATE INDEX ON rows (v, id)",
                     "REINDEX TABLE rows"}));
  auto initialize = arguments;
  initialize.insert(initialize.end(), {"-i", "-s", "10", "-q", "postgres"});
  auto run = arguments;
  run.insert(run.end(), {"-c", "4", "-T", "8", "-n", "postgres"});
  TRY(cluster.run_program("pgbench", initialize));
  TRY(cluster.sql("CHECKPOINT"));
  Lsn from = TRY(parse_lsn(TRY(cluster.sql("SELECT pg_current_wal_insert_lsn()"))));
  TRY(cluster.run_program("pgbench", run));
  samples.push_back({"pgbench", TRY(read_wal(cluster, Timeline(1), from, TRY(flushed_wal(cluster))))});
  return samples;
}

Result<std::vector<Sample>> all_samples() {
  const char* directory = std::getenv("HOLDFAST_BENCH_WAL");
  if (directory == nullptr) return samples_of_server();
  std::vector<Sample> samples;
  samples.push_back({"given", TRY(wal_of_directory(directory))});
  return samples;
}

}  // namespace
}  // namespace holdfast

int main(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  const auto samples = holdfast::all_samples();
  if (!samples) {
    std::fprintf(stderr, "%s\n", samples.error().text().c_str());
    return 1;
  }
  for (const auto& sample : *samples) holdfast::add_benchmarks(sample.name, sample.wal);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
