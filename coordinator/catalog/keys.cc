#include "coordinator/catalog/keys.h"

namespace holdfast {
namespace {

constexpr std::uint64_t sign_bit = std::uint64_t{1} << 63U;

template <class AnyId>
Bytes id_key(const AnyId& id) {
  return to_bytes(id.bytes());
}

}  // namespace

void append_time(Bytes& to, Timestamp time) {
  append_be(to, static_cast<std::uint64_t>(time.micros()) ^ sign_bit);
}

Bytes node_key(NodeId node) {
  return id_key(node);
}
Bytes database_key(DatabaseId database) {
  return id_key(database);
}
Bytes policy_key(std::string_view name) {
  return to_bytes(as_bytes(name));
}
Bytes token_key(TokenId token) {
  return id_key(token);
}
Bytes operator_key(OperatorId id) {
  return id_key(id);
}
Bytes store_key(StoreId store) {
  return id_key(store);
}

Bytes backup_key(DatabaseId database, Timestamp started_at, BackupId backup) {
  Bytes key = id_key(database);
  append_time(key, started_at);
  append(key, backup.bytes());
  return key;
}

Bytes wal_range_key(DatabaseId database, Timeline timeline, Lsn first) {
  Bytes key = timeline_key(database, timeline);
  append_be(key, first.value());
  return key;
}

Bytes timeline_key(DatabaseId database, Timeline timeline) {
  Bytes key = id_key(database);
  append_be(key, timeline.value());
  return key;
}

Bytes epoch_row_key(DatabaseId database, EpochId epoch) {
  Bytes key = id_key(database);
  append(key, epoch.bytes());
  return key;
}

Bytes job_key(Timestamp created_at, JobId job) {
  Bytes key;
  append_time(key, created_at);
  append(key, job.bytes());
  return key;
}

Bytes order_key(JobId job) {
  return id_key(job);
}

Bytes restore_key(Timestamp created_at, RestoreId restore) {
  Bytes key;
  append_time(key, created_at);
  append(key, restore.bytes());
  return key;
}

Bytes audit_key(std::uint64_t sequence) {
  Bytes key;
  append_be(key, sequence);
  return key;
}

Bytes reply_key(const CurvePublicKey& peer, std::uint64_t request) {
  Bytes key = to_bytes(peer.bytes());
  append_be(key, request);
  return key;
}

Bytes assignment_prefix() {
  return to_bytes(as_bytes("assignment/"));
}

Bytes assignment_key(NodeId node) {
  Bytes key = assignment_prefix();
  append(key, node.bytes());
  return key;
}

Bytes wal_removal_prefix() {
  return to_bytes(as_bytes("wal_removal/"));
}

Bytes wal_removal_key(DatabaseId database, Timeline timeline) {
  Bytes key = wal_removal_prefix();
  append(key, database.bytes());
  append_be(key, timeline.value());
  return key;
}

Bytes stray_prefix() {
  return to_bytes(as_bytes("stray/"));
}

Bytes stray_key(DatabaseId database, BackupId backup) {
  Bytes key = stray_prefix();
  append(key, database.bytes());
  append(key, backup.bytes());
  return key;
}

Result<BackupKey> parse_backup_key(ByteView key) {
  if (key.size() != 40) return fail(Code::corrupt, "a backup's key in the catalog has not 40 bytes");
  BackupKey parsed;
  parsed.database = TRY(DatabaseId::from_bytes(key.first(16)));
  parsed.started_at =
      Timestamp::from_micros(static_cast<std::int64_t>(read_be<std::uint64_t>(key.subspan(16, 8)) ^ sign_bit));
  parsed.backup = TRY(BackupId::from_bytes(key.subspan(24)));
  return parsed;
}

Result<ReplyKey> parse_reply_key(ByteView key) {
  if (key.size() != CurvePublicKey::size + sizeof(std::uint64_t)) {
    return fail(Code::corrupt, "a reply's key in the catalog has not 40 bytes");
  }
  ReplyKey parsed;
  parsed.peer = TRY(CurvePublicKey::from_bytes(key.first(CurvePublicKey::size)));
  parsed.request = read_be<std::uint64_t>(key.subspan(CurvePublicKey::size));
  return parsed;
}

}  // namespace holdfast
