#pragma once
// A full physical backup of a running cluster: the server's backup mode around a walk and parallel readers, into a
// BackupWriter. It puts packs and manifest; the record, which makes the backup exist, is the caller's last step.
#include <functional>
#include <string>

#include "agent/postgres/backup_session.h"
#include "agent/postgres/file_copier.h"
#include "shared/os/clock.h"
#include "shared/repository/backup_writer.h"

namespace holdfast {

// What is known once the server has begun the backup: what there is to copy, and from which position on it is covered
// by WAL.
struct BackupSituation {
  const std::vector<DataFile>& entries;
  const PgControl& control;  // as of now
  Lsn start;
  Timeline timeline;  // of the start
  ServerRole role = ServerRole::primary;
};

// Whether pages are held against their checksums as they are read, where the cluster has them.
enum class PageCheck : std::uint8_t { verify, skip };

struct BaseBackupRequest {
  PostgresEndpoint endpoint;
  std::string data_directory;
  DatabaseId database;
  BackupId backup;
  std::string label = "holdfast";
  unsigned workers = 0;  // 0: half the cores, at least 2
  PageCheck page_check = PageCheck::verify;
  CopyPlanLimits limits = {};
  // What need not be read because an earlier backup has it; empty: all of it is read. global/pg_control is always.
  std::function<Result<CopyPlan>(const BackupSituation&)> plan = {};
  std::function<void()> between_frames = {};  // on readers' threads; may wait
  // Any thread, a few times a second at most.
  std::function<void(ByteCount done, ByteCount total)> progress = {};
  // Returns when all of the log from `start` to `stop` on `timeline` is durable; an error when that will never be.
  // Called after the manifest was put; without it nothing waits.
  std::function<Result<>(Timeline timeline, Lsn start, Lsn stop)> wait_for_wal = {};
  // After the server was told that a backup begins and before the first file is read; for tests.
  std::function<void()> started = {};
};

struct BaseBackupResult {
  std::string server_version;  // "15.18"
  SystemId system_id;
  WalSegmentSize wal_segment_size;
  ServerRole role = ServerRole::primary;
  Timeline timeline;
  Lsn start;
  Lsn stop;
  Timestamp started_at;
  Timestamp finished_at;     // the backup mode's end by the server's clock: from here on it can be restored
  ByteCount database_bytes;  // of the files as they went into the backup
  ByteCount read_bytes;
  PageChecksums page_checksums = PageChecksums::off;  // on: pages were checked
  PageFindings findings;
  std::uint64_t files = 0;
  std::uint64_t vanished_files = 0;
  std::uint64_t pages = 0;  // of relations, those that were not read too
  // For the next backup, which cannot read it from the store.
  PgControl control;
  Manifest manifest;
  std::map<std::string, XxHash128> small_files;  // whole content of those that were read
};

// Code::cancelled when `stop` was requested. The backup completes with bad pages; they are in the findings.
Result<BaseBackupResult> run_base_backup(const BaseBackupRequest& request, BackupWriter& writer, Clock& clock,
                                         const StopToken& stop);

// What the result knows of a record; the rest (ids, labels, note, job) is the caller's.
void describe(const BaseBackupResult& result, BackupRecord& record);

unsigned default_backup_workers();

}  // namespace holdfast
