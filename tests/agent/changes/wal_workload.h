#pragma once
// Real WAL: a cluster that went through everything that writes it, and its bytes.
#include "shared/postgres/wal_position.h"
#include "tests/harness/postgres_cluster.h"

namespace holdfast {

// Settings that a cluster for run_wal_workload needs.
std::vector<std::string> wal_workload_settings();

// Every access method, DDL of all kinds, databases, tablespaces, prepared and sub-transactions, huge records, each
// wal_compression that the server has, with and without full_page_writes. `directory` is empty, for a tablespace.
Result<> run_wal_workload(const PostgresCluster& cluster, const std::string& directory);

// The end of what the server has written and flushed, after a switch to nothing: a position where a record ends.
Result<Lsn> flushed_wal(const PostgresCluster& cluster);

// Everything in pg_wal from the segment of `from` up to `to`.
struct WalBytes {
  WalSegmentSize segment_size;
  Lsn start;
  Bytes bytes;
};
Result<WalBytes> read_wal(const PostgresCluster& cluster, Timeline timeline, Lsn from, Lsn to);

}  // namespace holdfast
