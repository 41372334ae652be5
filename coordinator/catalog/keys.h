#pragma once
// Keys of the catalog: fixed-width, big-endian, so that byte order is the order things are asked for. Pure.
// CATALOG.md lists them; they are part of the format on disk.
#include <string_view>

#include "shared/base/bytes.h"
#include "shared/base/ids.h"
#include "shared/base/time.h"
#include "shared/crypto/keys.h"
#include "shared/postgres/wal_position.h"

namespace holdfast {

Bytes node_key(NodeId node);
Bytes database_key(DatabaseId database);
Bytes policy_key(std::string_view name);
Bytes token_key(TokenId token);
Bytes operator_key(OperatorId id);
Bytes store_key(StoreId store);
// database(16) start_us(8) id(16): all backups of a database, oldest first.
Bytes backup_key(DatabaseId database, Timestamp started_at, BackupId backup);
// database(16) timeline(4) first(8).
Bytes wal_range_key(DatabaseId database, Timeline timeline, Lsn first);
// database(16) timeline(4).
Bytes timeline_key(DatabaseId database, Timeline timeline);
// database(16) epoch(16).
Bytes epoch_row_key(DatabaseId database, EpochId epoch);
// created_us(8) id(16): in the order in which they were made.
Bytes job_key(Timestamp created_at, JobId job);
Bytes order_key(JobId job);
Bytes restore_key(Timestamp created_at, RestoreId restore);
Bytes audit_key(std::uint64_t sequence);
// operator's CURVE key(32) message id(8).
Bytes reply_key(const CurvePublicKey& peer, std::uint64_t request);
// In meta: "assignment/" node(16).
Bytes assignment_key(NodeId node);
Bytes assignment_prefix();
// In meta: "stray/" database(16) backup(16).
Bytes stray_key(DatabaseId database, BackupId backup);
Bytes stray_prefix();
// In meta: "wal_removal/" database(16) timeline(4).
Bytes wal_removal_key(DatabaseId database, Timeline timeline);
Bytes wal_removal_prefix();

// What a reply key says.
struct ReplyKey {
  CurvePublicKey peer;
  std::uint64_t request = 0;
  friend bool operator==(const ReplyKey&, const ReplyKey&) = default;
};
Result<ReplyKey> parse_reply_key(ByteView key);

// What a backup key says.
struct BackupKey {
  DatabaseId database;
  Timestamp started_at;
  BackupId backup;
  friend bool operator==(const BackupKey&, const BackupKey&) = default;
};
Result<BackupKey> parse_backup_key(ByteView key);

// Signed microseconds as eight bytes whose order is that of the times, before 1970 too.
void append_time(Bytes& to, Timestamp time);

}  // namespace holdfast
