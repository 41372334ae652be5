#pragma once
// Real WAL and what a reader says of it.
#include "tests/agent/changes/seen_changes.h"
#include "tests/agent/changes/wal_workload.h"

namespace holdfast {

// A cluster after the workload.
struct RecordedWal {
  PostgresCluster cluster;
  OwnedDirectory tablespace;
  Lsn from;
  Lsn to;
  WalBytes wal;
  SeenChanges seen;  // of the records that begin in [from, to)
};

// For the workload; hints, subtransactions and segments differ from version to version.
PostgresCluster::Options workload_options(int major_version);

// Runs the workload. Code::corrupt: the reader did not reach the end of what the server wrote.
Result<RecordedWal> record_workload(const PostgresCluster::Options& options);

// What the server wrote from `from` on, read by a reader that begins there.
Result<SeenChanges> changes_since(const PostgresCluster& cluster, Timeline timeline, Lsn from);

}  // namespace holdfast
