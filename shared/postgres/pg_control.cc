#include "shared/postgres/pg_control.h"

#include <array>

#include "shared/postgres/crc32c.h"

namespace holdfast {
namespace {

// Offsets in the server's ControlFileData. The checkpoint's copy begins at 40; the field that 17 added to it fills what
// was padding, and the one that 18 added stands before the nonce, so only the CRC moved.
namespace at {
constexpr std::size_t system_id = 0;
constexpr std::size_t control_version = 8;
constexpr std::size_t catalog_version = 12;
constexpr std::size_t state = 16;
constexpr std::size_t time = 24;
constexpr std::size_t checkpoint = 32;
constexpr std::size_t redo = 40;
constexpr std::size_t timeline = 48;
constexpr std::size_t previous_timeline = 52;
constexpr std::size_t min_recovery_end = 136;
constexpr std::size_t min_recovery_timeline = 144;
constexpr std::size_t max_connections = 180;
constexpr std::size_t max_worker_processes = 184;
constexpr std::size_t max_wal_senders = 188;
constexpr std::size_t max_prepared_transactions = 192;
constexpr std::size_t max_locks_per_transaction = 196;
constexpr std::size_t block_size = 216;
constexpr std::size_t relation_segment_blocks = 220;
constexpr std::size_t wal_block_size = 224;
constexpr std::size_t wal_segment_size = 228;
constexpr std::size_t checksum_version = 252;
}  // namespace at

std::optional<std::size_t> crc_offset(std::uint32_t control_version) {
  switch (control_version) {
    case 1300:
    case 1700:
      return 288;
    case 1800:
      return 292;
    default:
      return std::nullopt;
  }
}

struct Release {
  int major;
  std::uint32_t catalog_version;
};
constexpr std::array<Release, 6> releases{
    {{13, 202007201}, {14, 202107181}, {15, 202209061}, {16, 202307071}, {17, 202406281}, {18, 202506291}}};

constexpr std::size_t shortest = 296;

}  // namespace

std::string_view to_string(ClusterState state) {
  switch (state) {
    case ClusterState::starting:
      return "starting";
    case ClusterState::shut_down:
      return "shut down";
    case ClusterState::shut_down_in_recovery:
      return "shut down in recovery";
    case ClusterState::shutting_down:
      return "shutting down";
    case ClusterState::in_crash_recovery:
      return "in crash recovery";
    case ClusterState::in_archive_recovery:
      return "in archive recovery";
    case ClusterState::in_production:
      return "in production";
  }
  return "unknown";
}

Result<PgControl> parse_pg_control(ByteView content) {
  if (content.size() < shortest) {
    return fail(Code::corrupt, fmt::format("pg_control has only {} bytes", content.size()));
  }
  const auto u32 = [content](std::size_t offset) { return read_le<std::uint32_t>(content.subspan(offset)); };
  const auto u64 = [content](std::size_t offset) { return read_le<std::uint64_t>(content.subspan(offset)); };

  PgControl control;
  control.control_version = u32(at::control_version);
  const auto crc_at = crc_offset(control.control_version);
  if (!crc_at) {
    return fail(Code::unsupported, fmt::format("pg_control has version {}", control.control_version),
                "PostgreSQL 13 to 18 are supported");
  }
  if (crc32c(content.first(*crc_at)) != u32(*crc_at))
    return fail(Code::corrupt, "pg_control does not fit its checksum");

  control.system_id = SystemId(u64(at::system_id));
  control.catalog_version = u32(at::catalog_version);
  control.major_version = major_of_catalog_version(control.catalog_version).value_or(0);
  const std::uint32_t state = u32(at::state);
  if (state > static_cast<std::uint32_t>(ClusterState::in_production)) {
    return fail(Code::unsupported, fmt::format("pg_control has cluster state {}", state));
  }
  control.state = static_cast<ClusterState>(state);
  control.written_at = Timestamp::from_micros(static_cast<std::int64_t>(u64(at::time)) * 1'000'000);
  control.checkpoint = Lsn(u64(at::checkpoint));
  control.checkpoint_redo = Lsn(u64(at::redo));
  control.checkpoint_timeline = Timeline(u32(at::timeline));
  control.checkpoint_previous_timeline = Timeline(u32(at::previous_timeline));
  control.min_recovery_end = Lsn(u64(at::min_recovery_end));
  control.min_recovery_timeline = Timeline(u32(at::min_recovery_timeline));
  control.max_connections = u32(at::max_connections);
  control.max_worker_processes = u32(at::max_worker_processes);
  control.max_wal_senders = u32(at::max_wal_senders);
  control.max_prepared_transactions = u32(at::max_prepared_transactions);
  control.max_locks_per_transaction = u32(at::max_locks_per_transaction);
  control.block_size = u32(at::block_size);
  control.relation_segment_blocks = u32(at::relation_segment_blocks);
  control.wal_block_size = u32(at::wal_block_size);
  control.wal_segment_size = TRY_DURING("pg_control", WalSegmentSize::of(u32(at::wal_segment_size)));
  control.page_checksums = u32(at::checksum_version) == 0 ? PageChecksums::off : PageChecksums::on;
  return control;
}

std::optional<int> major_of_catalog_version(std::uint32_t catalog_version) {
  for (const auto& release : releases) {
    if (release.catalog_version == catalog_version) return release.major;
  }
  return std::nullopt;
}

std::string tablespace_version_directory(int major_version, std::uint32_t catalog_version) {
  return fmt::format("PG_{}_{}", major_version, catalog_version);
}

}  // namespace holdfast
