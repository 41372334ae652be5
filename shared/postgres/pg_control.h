#pragma once
// global/pg_control: what a cluster says of itself without being asked through SQL. Control versions 1300 (PostgreSQL
// 13 to 16), 1700 and 1800, written by a 64-bit little-endian server.
#include <cstdint>
#include <optional>
#include <string_view>

#include "shared/base/bytes.h"
#include "shared/base/time.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

enum class ClusterState : std::uint8_t {  // the server's numbers
  starting = 0,
  shut_down = 1,
  shut_down_in_recovery = 2,
  shutting_down = 3,
  in_crash_recovery = 4,
  in_archive_recovery = 5,
  in_production = 6,
};
std::string_view to_string(ClusterState state);
// Its server has written its last record, or replays no more: the checkpointer marks pg_control only then. Whoever
// streams is left, and the server may wait for them (PM_SHUTDOWN_2 in postmaster.c).
constexpr bool has_written_its_last(ClusterState state) {
  return state == ClusterState::shut_down || state == ClusterState::shut_down_in_recovery;
}

enum class PageChecksums : std::uint8_t { off, on };

struct PgControl {
  SystemId system_id;
  std::uint32_t control_version = 0;
  std::uint32_t catalog_version = 0;
  int major_version = 0;  // from the catalog version: 13 to 18; 0 when it is none that we know
  ClusterState state = ClusterState::starting;
  Timestamp written_at;  // whole seconds
  Lsn checkpoint;
  Lsn checkpoint_redo;
  Timeline checkpoint_timeline;
  Timeline checkpoint_previous_timeline;
  Lsn min_recovery_end;  // 0 unless it was in recovery
  Timeline min_recovery_timeline;
  std::uint32_t max_connections = 0;  // these five must not be smaller where it is restored as a hot standby
  std::uint32_t max_worker_processes = 0;
  std::uint32_t max_wal_senders = 0;
  std::uint32_t max_prepared_transactions = 0;
  std::uint32_t max_locks_per_transaction = 0;
  std::uint32_t block_size = 0;
  std::uint32_t relation_segment_blocks = 0;
  std::uint32_t wal_block_size = 0;
  WalSegmentSize wal_segment_size;
  PageChecksums page_checksums = PageChecksums::off;
};

// Code::corrupt when the CRC does not fit (a read that met a write looks like this: read again), Code::unsupported for
// another control version.
Result<PgControl> parse_pg_control(ByteView content);

// nullopt: a catalog version of no release from 13 to 18.
std::optional<int> major_of_catalog_version(std::uint32_t catalog_version);
// The directory below pg_tblspc/OID that belongs to this version: "PG_15_202209061".
std::string tablespace_version_directory(int major_version, std::uint32_t catalog_version);

}  // namespace holdfast
