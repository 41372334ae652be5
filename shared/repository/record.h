#pragma once
// The backup record: clear, signed, written last. The backup exists when it is there. With records alone the
// coordinator does retention, placement, copies and checks without keys.
#include <optional>
#include <string>
#include <vector>

#include "shared/base/strong.h"
#include "shared/fleet/kinds.h"
#include "shared/postgres/wal_position.h"
#include "shared/repository/epoch.h"

namespace holdfast {

struct StoredObject {
  std::string name;  // full object name
  std::uint64_t size = 0;
  Sha256 sha256{};  // of the stored bytes
  friend bool operator==(const StoredObject&, const StoredObject&) = default;
};

// A pack of an earlier backup that this one still needs.
struct NeededPack {
  StoredObject object;
  std::uint64_t live_bytes = 0;
  friend bool operator==(const NeededPack&, const NeededPack&) = default;
};

struct BackupRecord {
  FleetId fleet;
  DatabaseId database;
  NodeId node;
  BackupId backup;
  JobId job;
  Engine engine = Engine::postgres;
  std::string engine_version;  // "15.18"
  SystemId system_id;          // PostgreSQL; 0 for SQLite
  std::uint32_t page_size = 8192;
  std::uint64_t wal_segment_size = 0;
  BackupType type = BackupType::full;
  BackupId parent;     // null for a full
  std::string reason;  // why it was full, when another type was asked for
  Lsn start_lsn;
  Lsn stop_lsn;
  Timeline timeline;
  Timestamp started_at;
  Timestamp finished_at;  // the moment from which it can be restored
  std::string database_name;
  std::string source_path;
  std::vector<std::pair<std::string, std::string>> labels;
  std::string note;
  ByteCount database_bytes;
  ByteCount read_bytes;
  ByteCount stored_bytes;
  std::uint64_t pages = 0;
  std::uint64_t changed_pages = 0;
  bool pages_checked = false;
  std::uint64_t bad_pages = 0;
  std::vector<std::string> bad_page_list;  // "base/5/16384 block 7", the first 100
  EpochId epoch;                           // of this backup's own objects, and who signed (its epoch document's chain)
  std::vector<EpochId>
      needed_epochs;  // every epoch some needed pack was written under, this one too; a standby's: its own log too
  std::vector<StoredObject> objects;     // packs and manifest of this backup, in order
  std::vector<NeededPack> needed_packs;  // of earlier backups
  friend bool operator==(const BackupRecord&, const BackupRecord&) = default;
};

Bytes encode_record(const BackupRecord& record, const SignKeyPair& signer);
// Signature by `signer` first, then the content. Code::denied or Code::corrupt.
Result<BackupRecord> decode_record(ByteView object, const SignPublicKey& signer);
// Without the signature check, to learn the epoch (and so the signer). Never trust what it returns for more.
Result<EpochId> peek_record_epoch(ByteView object);
// For the catalog, which got the bytes over an authenticated connection from the node itself: still verified there.
Result<BackupRecord> read_record(ByteView object, const EpochDocument& epoch);

// "<database>/database.record": which database this prefix is, so that a store alone can be read by a person's words.
struct DatabaseRecord {
  FleetId fleet;
  DatabaseId database;
  Engine engine = Engine::postgres;
  std::string name;
  SystemId system_id;
  Timestamp created_at;
  EpochId epoch;  // whose node signed it
  friend bool operator==(const DatabaseRecord&, const DatabaseRecord&) = default;
};
Bytes encode_database_record(const DatabaseRecord& record, const SignKeyPair& signer);
Result<DatabaseRecord> decode_database_record(ByteView object, const SignPublicKey& signer);
Result<EpochId> peek_database_record_epoch(ByteView object);

// "fleet.record": the first object in a store. Write-once; same bytes from everybody because init makes it.
struct FleetRecord {
  std::uint32_t format_version = 1;
  FleetId fleet;
  std::string name;
  SignPublicKey root;
  BoxPublicKey recovery;
  Timestamp created_at;
  friend bool operator==(const FleetRecord&, const FleetRecord&) = default;
};
Bytes encode_fleet_record(const FleetRecord& record, const SignKeyPair& root);
Result<FleetRecord> decode_fleet_record(ByteView object);  // signature by the root key it names itself

// "<backup>/released": retention's mark, put before the first object of a backup is removed. Signed by the
// coordinator's intermediate key; carries that key's certificate.
struct ReleasedMark {
  FleetId fleet;
  DatabaseId database;
  BackupId backup;
  std::uint64_t coordinator_epoch = 0;
  Timestamp released_at;
  std::string reason;
  friend bool operator==(const ReleasedMark&, const ReleasedMark&) = default;
};
Bytes encode_released(const ReleasedMark& mark, const SignedBytes& intermediate_certificate,
                      const SignKeyPair& intermediate);
Result<ReleasedMark> decode_released(ByteView object, const SignPublicKey& root);

}  // namespace holdfast
