#include "tests/agent/changes/recorded_wal.h"

#include "agent/changes/change_reader.h"

namespace holdfast {
namespace {

// A position where nothing is may lie behind the header of a page.
constexpr std::uint64_t longest_page_header = 40;

struct Reading {
  int major_version = 0;
  SeenChanges seen;
};

Result<Reading> read_to_its_end(const WalBytes& wal, Timeline timeline, Lsn from) {
  ChangeReader reader(wal.segment_size, std::nullopt);
  reader.begin(timeline, from);
  Reading reading;
  TRY(reader.add(wal.start, wal.bytes, reading.seen));
  const Lsn end = wal.start + wal.bytes.size();
  if (reader.read_through() > end || end - reader.read_through() > longest_page_header) {
    return fail(Code::corrupt, fmt::format("read through {}, the server wrote {}", reader.read_through(), end));
  }
  reading.major_version = reader.major_version();
  return reading;
}

}  // namespace

PostgresCluster::Options workload_options(int major_version) {
  PostgresCluster::Options options{.major_version = major_version, .settings = wal_workload_settings()};
  // The first change of a hint after a checkpoint is logged.
  options.page_checksums = major_version % 2 == 0 ? PageChecksums::on : PageChecksums::off;
  // Small ones make records cross them.
  options.wal_segment_mib = major_version == 16 ? 16 : 1;
  // Records of subtransactions name the transaction that they belong to.
  if (major_version == 14 || major_version == 15 || major_version == 18) {
    options.settings.emplace_back("wal_level = logical");
  }
  return options;
}

Result<RecordedWal> record_workload(const PostgresCluster::Options& options) {
  PostgresCluster cluster = TRY(PostgresCluster::started(options));
  OwnedDirectory tablespace = TRY(OwnedDirectory::of(cluster.owner()));
  const Lsn from = TRY(flushed_wal(cluster));
  TRY(run_wal_workload(cluster, tablespace.path()));
  const Lsn to = TRY(flushed_wal(cluster));
  WalBytes wal = TRY(read_wal(cluster, Timeline(1), from, to));
  Reading reading = TRY(read_to_its_end(wal, Timeline(1), from));
  if (reading.major_version != options.major_version) {
    return fail(Code::corrupt, fmt::format("it was taken for WAL of {}", reading.major_version));
  }
  return RecordedWal{std::move(cluster), std::move(tablespace), from, to, std::move(wal), std::move(reading.seen)};
}

Result<SeenChanges> changes_since(const PostgresCluster& cluster, Timeline timeline, Lsn from) {
  const WalBytes wal = TRY(read_wal(cluster, timeline, from, TRY(flushed_wal(cluster))));
  return TRY(read_to_its_end(wal, timeline, from)).seen;
}

}  // namespace holdfast
