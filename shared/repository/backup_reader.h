#pragma once
// What a store holds of one backup, checked on the way.
#include <memory>

#include "shared/repository/manifest.h"
#include "shared/repository/record.h"
#include "shared/store/store.h"

namespace holdfast {

// The trust anchor a reader starts from: fleet and root key, from the recovery key file or the agent's own identity.
struct TrustAnchor {
  FleetId fleet;
  SignPublicKey root;
};

// Epoch document of a database, verified up to the anchor.
Result<EpochDocument> load_epoch(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database, EpochId epoch);
// Record of a backup, verified through its epoch's certificate. Code::not_found: there is no such backup.
Result<BackupRecord> load_record(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database,
                                 BackupId backup);
// Every backup with a sound record that retention has not released, oldest first; unsound ones are listed in
// `problems`, never skipped silently.
struct BackupListing {
  std::vector<BackupRecord> backups;
  std::vector<Error> problems;
};
Result<BackupListing> list_backups(const StoreSet& stores, const TrustAnchor& anchor, DatabaseId database);
// Every database of the stores, ordered by id. Unsound ones go into `problems`; without it the first one is the error.
Result<std::vector<DatabaseRecord>> list_databases(const StoreSet& stores, const TrustAnchor& anchor,
                                                   std::vector<Error>* problems = nullptr);

// Safe from many threads after open.
class BackupReader {
 public:
  // Reads and opens the manifest. `keys` must outlive it and hold every needed epoch.
  static Result<BackupReader> open(const StoreSet& stores, const BackupRecord& record, const KeyRing& keys);
  const Manifest& manifest() const { return manifest_; }
  // The plain bytes of a frame, decrypted, decompressed and compared with its content hash. Falls over to the next
  // store when one's copy is damaged; Code::corrupt names object and frame when no copy is sound. `memory` is what they
  // are put into, see FrameDecoder::open.
  Result<Bytes> read_frame(std::uint32_t frame, FrameDecoder& decoder, Bytes memory = {}) const;

 private:
  BackupReader(const StoreSet& stores, const KeyRing& keys, BackupRecord record, Manifest manifest)
      : stores_(&stores), keys_(&keys), record_(std::move(record)), manifest_(std::move(manifest)) {}
  const StoreSet* stores_;
  const KeyRing* keys_;
  BackupRecord record_;
  Manifest manifest_;
};

}  // namespace holdfast
